/** What a report may say about policies; the causes that recognise them on a path are in causes/policy.ts. */
export const POLICY_DENIES = { code: 'ND5001', summary: 'A network policy denies the traffic.' };
export const DROPS_ALLOWED = { code: 'ND5002', summary: "Policies allow the traffic, and a node's policy rules drop it: they are not up to date." };
export const PASSES_DENIED = { code: 'ND5003', summary: 'A network policy denies the traffic, and it passes.' };
export const LEFTOVER = { code: 'ND5004', summary: 'A node drops by the rules of a policy that does not exist (any more).' };
export const ENFORCES_NONE = { code: 'ND5005', summary: 'Network policies exist, and the network plugin enforces none of them.' };
export const NOT_PROGRAMMED = { code: 'ND5006', summary: 'The policy agent of a node has not programmed the pod: all of its traffic is dropped.' };

/** What the rule or program that drops is for has been said by findings about policies. */
export const FOLLOWS = ['ND3002', 'ND3003', 'ND3004', 'ND3011', 'ND3015', 'ND3019'];
