/**
 * The API objects a judgement needs, stripped to the fields it reads. Everything that judges reads these and never client-node's classes,
 * so that a report made from a bundle and one made live come from the same code.
 */

export type Protocol = 'tcp' | 'udp' | 'icmp' | 'sctp';

export interface PodFacts {
  namespace: string;
  name: string;
  uid: string;
  node?: string;
  /** All addresses, primary first. */
  ips: string[];
  hostNetwork: boolean;
  phase: string;
  ready: boolean;
  /** Set once deletion was asked for. */
  deleting: boolean;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  /** `ReplicaSet/web-5d…`, the controller if there is one. */
  owner?: string;
  containers: ContainerFacts[];
  /** Ports of init containers that declare some: sidecars among them keep running. */
  initPorts?: ContainerFacts['ports'];
  serviceAccount?: string;
  /** runtimeClassName, e.g. kata-remote. */
  runtimeClass?: string;
}

export interface ContainerFacts {
  name: string;
  ports: { name?: string; port: number; protocol: Protocol }[];
  ready: boolean;
  restarts: number;
  /** CrashLoopBackOff, ImagePullBackOff… when waiting or terminated. */
  reason?: string;
  /** Without the runtime's prefix. */
  id?: string;
}

export interface NodeFacts {
  name: string;
  /** InternalIP addresses, primary first. */
  ips: string[];
  podCidrs: string[];
  ready: boolean;
  /** Reason and message of the Ready condition when it is not True. */
  notReadyReason?: string;
  os: string;
  arch: string;
  kernel: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  unschedulable: boolean;
  taints: string[];
}

export interface ServicePortFacts {
  name?: string;
  protocol: Protocol;
  port: number;
  /** Number or container port name. */
  targetPort: number | string;
  nodePort?: number;
}

export interface ServiceFacts {
  namespace: string;
  name: string;
  type: string;
  /** Empty for headless and ExternalName Services. */
  clusterIps: string[];
  externalIps: string[];
  externalName?: string;
  selector: Record<string, string>;
  ports: ServicePortFacts[];
  internalTrafficPolicy: string;
  externalTrafficPolicy?: string;
  sessionAffinity: string;
  /** How long ClientIP affinity lasts. */
  affinitySeconds?: number;
  /** Those of `externalIps` that nodes leave to the load balancer (ipMode Proxy). */
  unproxiedIps?: string[];
  /** Whose business the Service is instead of kube-proxy's (label service.kubernetes.io/service-proxy-name). */
  proxiedBy?: string;
}

/** One backend of a Service, from its EndpointSlices. */
export interface EndpointFacts {
  service: { namespace: string; name: string };
  ip: string;
  /** name of the Service port ('' when unnamed) → target */
  ports: { name: string; port: number; protocol: Protocol }[];
  ready: boolean;
  serving: boolean;
  terminating: boolean;
  node?: string;
  pod?: { namespace: string; name: string };
  /** Zones and nodes whose traffic it is meant for; absent where there are no hints. */
  forZones?: string[];
  forNodes?: string[];
  /** When the cluster last changed what its EndpointSlice is made from (RFC 3339). */
  changed?: string;
}

/** A node agent of the cluster itself: the CNI's, kube-proxy. */
export interface DaemonSetFacts {
  namespace: string;
  name: string;
  desired: number;
  ready: number;
  /** Of its containers; they tell which CNI in which version this is. */
  images: string[];
}

/** A namespace or service account, as far as selectors read it. */
export interface NamespaceFacts {
  name: string;
  labels: Record<string, string>;
}

export interface ServiceAccountFacts extends NamespaceFacts {
  namespace: string;
}

/** An API object as it was served or written: only the kind that reads it knows what else it has. */
export interface ApiObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string>; annotations?: Record<string, string> };
}

/** What src/policy judges by, beside pods, nodes and Services. */
export interface PolicyFacts {
  namespaces: NamespaceFacts[];
  serviceAccounts: ServiceAccountFacts[];
  /** Policies of every kind the cluster serves, and what they refer to (tiers, network sets). */
  objects: ApiObject[];
}

export interface ClusterFacts {
  pods: PodFacts[];
  nodes: NodeFacts[];
  services: ServiceFacts[];
  endpoints: EndpointFacts[];
  /** `namespace/name` → data, for the few ConfigMaps that matter (kube-proxy, kube-flannel-cfg…). */
  configMaps: Record<string, Record<string, string>>;
  /** Of the namespaces where a CNI and kube-proxy live. */
  daemonSets?: DaemonSetFacts[];
  /** Absent where nobody asked. */
  policies?: PolicyFacts;
  /** What was asked for and refused or failed, e.g. "configmaps in kube-system: forbidden". */
  notRead: string[];
}
