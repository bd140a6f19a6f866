import { addRules, type Draft, tag } from './draft.ts';
import { podPrefix } from './pool.ts';

/** What leaves the pods' network leaves with the node's address: flannel's chain, as most plugins have it in some form. */
export const masquerading = (draft: Draft): void => {
  if (!draft.random.chance(0.5)) return;
  tag(draft, 'masquerading');
  for (const { name, backend, podCidr } of draft.nodes) {
    for (const family of draft.families) {
      const multicast = family === 4 ? '224.0.0.0/4' : 'ff00::/8';
      addRules(
        draft,
        { space: name, family, backend, table: 'nat' },
        ':FLANNEL-POSTRTG - [0:0]',
        '-A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG',
        '-A FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 -m comment --comment "flanneld masq" -j RETURN',
        `-A FLANNEL-POSTRTG -s ${podCidr[family]} -d ${podPrefix[family]} -m comment --comment "flanneld masq" -j RETURN`,
        `-A FLANNEL-POSTRTG -s ${podPrefix[family]} -d ${podCidr[family]} -m comment --comment "flanneld masq" -j RETURN`,
        `-A FLANNEL-POSTRTG ! -s ${podPrefix[family]} -d ${podCidr[family]} -m comment --comment "flanneld masq" -j RETURN`,
        `-A FLANNEL-POSTRTG -s ${podPrefix[family]} ! -d ${multicast} -m comment --comment "flanneld masq" -j MASQUERADE --random-fully`,
        `-A FLANNEL-POSTRTG ! -s ${podPrefix[family]} -d ${podPrefix[family]} -m comment --comment "flanneld masq" -j MASQUERADE --random-fully`,
      );
    }
  }
};
