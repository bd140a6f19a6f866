/** A kernel as Debian ships it for virtual machines: small, and with everything a Kubernetes node uses as modules. */
export interface StockKernel {
  /** `6.1` */
  name: string;
  /** Release of Debian that has it. */
  suite: string;
  /** Depends on the newest package of this kernel. */
  package: string;
}

export const stockKernels: StockKernel[] = [
  { name: '5.10', suite: 'bullseye', package: 'linux-image-cloud-amd64' },
  { name: '6.1', suite: 'bookworm', package: 'linux-image-cloud-amd64' },
  { name: '6.12', suite: 'bookworm', package: 'linux-image-6.12-cloud-amd64' },
];
