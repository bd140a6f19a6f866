/** What a report may say about policies; the causes that recognise them on a path are in causes/policy.ts. */
export const POLICY_DENIES = { code: 'ND5001', summary: 'A network policy denies the traffic.' };
export const ENFORCES_NONE = { code: 'ND5005', summary: 'Network policies exist, and the network plugin enforces none of them.' };
