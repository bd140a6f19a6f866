import type { Parts } from '../parts.ts';
import { images } from './contents.ts';
import { addBusybox, addPacketTools, all, copyTo, emptyDirectories, libraries, mergedUsr, program, which } from './fill.ts';
import type { ImageContent } from './oci-archive.ts';

const addBridge = async (root: string): Promise<void> => {
  const bridge = await which('bridge');
  for (const file of [bridge, ...(await libraries(bridge))]) await copyTo(root, file);
};

/** The stand-in for Calico's agent and its CNI plugin. */
export const felixImages = async (parts: Parts): Promise<readonly ImageContent[]> => [
  {
    reference: images.calicoNode,
    entrypoint: ['/usr/bin/calico-node'],
    fill: all(
      mergedUsr,
      emptyDirectories,
      addPacketTools,
      addBridge,
      addBusybox,
      program(parts, 'calico-node', '/usr/bin/calico-node'),
      program(parts, 'calico', '/opt/cni/bin/calico'),
    ),
  },
];
