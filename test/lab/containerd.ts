import { waitFor } from './clock.ts';
import { execIn, type Machine } from './machine.ts';

export const sandboxImage = 'registry.k8s.io/pause:3.10.1';

/** Without CAP_SYS_RESOURCE a score may only rise, hence restrict_oom_score_adj; cgroup version 1 has no systemd driver here. */
export const containerdConfig = `version = 3
root = "/var/lib/containerd"
state = "/run/containerd"

[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "${sandboxImage}"

[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["/opt/cni/bin"]
    conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.cri.v1.runtime".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
        SystemdCgroup = false
`;

export const waitForContainerd = (machine: Machine): Promise<void> =>
  waitFor(`containerd on ${machine.name}`, async () => (await execIn(machine, ['ctr', 'version'], { reject: false })).exitCode === 0, {
    timeout: 30_000,
  });

/** Streams the archive, so that it may lie where the node cannot see. */
export const importImage = async (machine: Machine, archive: string): Promise<void> => {
  await execIn(machine, ['ctr', '--namespace', 'k8s.io', 'images', 'import', '-'], { inputFile: archive });
};
