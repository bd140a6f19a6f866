/** A counter of dropped packets, in words, and how much it rose between two readings. */
export interface Rise {
  name: string;
  by: number;
}
