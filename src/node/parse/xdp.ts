import { linesOf, type Parsed } from './json.ts';

const LINE = /^(\S+) (\S*xdp\S*) (\d+)$/;

/** `rx_queue_0_xdp_drops` of veth and virtio_net, `rx0_xdp_drop` of mlx5, which has their sum as `rx_xdp_drop`, too. */
const OF_ONE_QUEUE = /\d/;

/** `DEVICE COUNTER VALUE` → frames that XDP programs dropped, by device */
export const parseXdpDrops = (text: string): Parsed<Map<string, number>> => {
  const unparsed: string[] = [];
  const read = linesOf(text).flatMap((line) => {
    const [, device = '', counter = '', value] = line.match(LINE) ?? [];
    if (value === undefined) unparsed.push(line.slice(0, 120));
    return value === undefined ? [] : [{ device, counter, value: Number(value) }];
  });
  const sums = [...Map.groupBy(read, ({ device }) => device)].map(([device, counters]): [string, number] => {
    const whole = counters.filter(({ counter }) => !OF_ONE_QUEUE.test(counter));
    return [device, (whole.length > 0 ? whole : counters).reduce((sum, { value }) => sum + value, 0)];
  });
  return { value: new Map(sums), unparsed };
};
