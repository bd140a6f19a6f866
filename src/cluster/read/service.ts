import type { V1EndpointSlice, V1Service } from '@kubernetes/client-node';
import type { EndpointFacts, ServiceFacts } from '../facts.ts';
import { protocolOf } from './pod.ts';

/** Labels and annotations by which a Service says who serves it, and a slice when it changed (k8s.io/api: well-known). */
const PROXY_NAME = 'service.kubernetes.io/service-proxy-name';
const CHANGED = 'endpoints.kubernetes.io/last-change-trigger-time';

export const serviceFacts = (service: V1Service): ServiceFacts => {
  const { metadata = {}, spec = {} } = service;
  const clusterIps = spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : []);
  const ingress = service.status?.loadBalancer?.ingress ?? [];
  const loadBalancerIps = ingress.flatMap(({ ip }) => (ip ? [ip] : []));
  const unproxied = ingress.flatMap(({ ip, ipMode }) => (ip && ipMode === 'Proxy' ? [ip] : []));
  const proxiedBy = metadata.labels?.[PROXY_NAME];
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name ?? '',
    type: spec.type ?? 'ClusterIP',
    clusterIps: clusterIps.filter((ip) => ip !== 'None' && ip !== ''),
    externalIps: [...new Set([...(spec.externalIPs ?? []), ...loadBalancerIps])],
    ...(spec.externalName ? { externalName: spec.externalName } : {}),
    selector: spec.selector ?? {},
    ports: (spec.ports ?? []).map(({ name, protocol, port, targetPort, nodePort }) => ({
      ...(name ? { name } : {}),
      protocol: protocolOf(protocol),
      port,
      targetPort: targetPort ?? port,
      ...(nodePort ? { nodePort } : {}),
    })),
    internalTrafficPolicy: spec.internalTrafficPolicy ?? 'Cluster',
    ...(spec.externalTrafficPolicy ? { externalTrafficPolicy: spec.externalTrafficPolicy } : {}),
    sessionAffinity: spec.sessionAffinity ?? 'None',
    ...(unproxied.length > 0 ? { unproxiedIps: unproxied } : {}),
    ...(proxiedBy === undefined ? {} : { proxiedBy }),
    ...(spec.sessionAffinity === 'ClientIP' ? { affinitySeconds: spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800 } : {}),
  };
};

/** Every address of a slice; a slice that belongs to no Service has none for us. */
export const endpointFacts = (slice: V1EndpointSlice): EndpointFacts[] => {
  const name = slice.metadata?.labels?.['kubernetes.io/service-name'];
  const namespace = slice.metadata?.namespace ?? '';
  if (!name || slice.addressType === 'FQDN') return [];
  const changed = slice.metadata?.annotations?.[CHANGED];
  const ports = (slice.ports ?? []).flatMap((port) =>
    port.port === undefined ? [] : [{ name: port.name ?? '', port: port.port, protocol: protocolOf(port.protocol) }],
  );
  return (slice.endpoints ?? []).flatMap(({ addresses, conditions = {}, nodeName, targetRef, hints }) =>
    addresses.map((ip) => ({
      service: { namespace, name },
      ip,
      ports,
      // absent conditions mean "unknown, take it as true" (discovery/v1)
      ready: conditions.ready ?? true,
      serving: conditions.serving ?? conditions.ready ?? true,
      terminating: conditions.terminating ?? false,
      ...(nodeName ? { node: nodeName } : {}),
      ...(hints?.forZones ? { forZones: hints.forZones.map(({ name: zone }) => zone) } : {}),
      ...(changed === undefined ? {} : { changed }),
      ...(hints?.forNodes ? { forNodes: hints.forNodes.map(({ name: node }) => node) } : {}),
      ...(targetRef?.kind === 'Pod' && targetRef.name ? { pod: { namespace: targetRef.namespace ?? namespace, name: targetRef.name } } : {}),
    })),
  );
};
