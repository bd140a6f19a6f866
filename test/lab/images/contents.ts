import { sandboxImage } from '../containerd.ts';
import type { Parts } from '../parts.ts';
import { addBusybox, addPacketTools, all, emptyDirectories, librariesOf, mergedUsr, program } from './fill.ts';
import type { ImageContent } from './oci-archive.ts';

export const images = {
  pause: sandboxImage,
  kubeProxy: 'registry.k8s.io/kube-proxy:v1.36.3',
  flannel: 'ghcr.io/flannel-io/flannel:v0.28.4',
  flannelCni: 'ghcr.io/flannel-io/flannel-cni-plugin:lab',
  calicoNode: 'quay.io/calico/node:lab',
  cilium: 'quay.io/cilium/cilium:v1.18.3',
  ciliumOperator: 'quay.io/cilium/operator-generic:v1.18.3',
  coredns: 'registry.k8s.io/coredns/coredns:v1.15.0',
  test: 'lab.example/test:1',
} as const;

export const imageContents = (parts: Parts): readonly ImageContent[] => [
  { reference: images.pause, entrypoint: ['/pause'], fill: program(parts, 'responder', '/pause') },
  {
    reference: images.kubeProxy,
    entrypoint: ['/usr/local/bin/kube-proxy'],
    fill: all(mergedUsr, emptyDirectories, addPacketTools, program(parts, 'kube-proxy', '/usr/local/bin/kube-proxy')),
  },
  {
    reference: images.flannel,
    entrypoint: ['/opt/bin/flanneld'],
    fill: all(
      mergedUsr,
      emptyDirectories,
      addPacketTools,
      addBusybox,
      program(parts, 'flanneld', '/opt/bin/flanneld'),
      librariesOf(parts, 'flanneld'),
    ),
  },
  {
    reference: images.flannelCni,
    entrypoint: ['/bin/busybox'],
    fill: all(emptyDirectories, addBusybox, program(parts, 'flannel', '/flannel')),
  },
  { reference: images.coredns, entrypoint: ['/coredns'], fill: all(emptyDirectories, program(parts, 'coredns', '/coredns')) },
  {
    reference: images.test,
    entrypoint: ['/bin/responder'],
    fill: all(emptyDirectories, addBusybox, program(parts, 'responder', '/bin/responder')),
  },
];
