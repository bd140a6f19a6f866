import { expect } from 'chai';
import { parseFdb } from '../../../../src/node/parse/fdb.ts';
import { parseLinks } from '../../../../src/node/parse/links.ts';

/** iproute2 6.15: a VXLAN made with a remote and a device, as a port of a bridge that floods nothing to it. */
const linkJson = `[{"ifindex":4,"ifname":"vx0","flags":["BROADCAST","MULTICAST","UP","LOWER_UP"],"mtu":1450,"master":"br0","address":"1e:32:92:1c:b4:7b",
"linkinfo":{"info_kind":"vxlan","info_data":{"id":9,"remote":"10.0.0.2","link":"e0","port":4789,"learning":true},
"info_slave_kind":"bridge","info_slave_data":{"state":"disabled","hairpin":false,"guard":false,"learning":true,"flood":true,"mcast_flood":false,"bcast_flood":false,"isolated":false}}}]`;

const linkText = `4: vx0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue master br0 state UNKNOWN mode DEFAULT group default qlen 1000
    link/ether 1e:32:92:1c:b4:7b brd ff:ff:ff:ff:ff:ff promiscuity 1  allmulti 1 minmtu 68 maxmtu 65535
    vxlan id 9 remote 10.0.0.2 dev e0 srcport 0 0 dstport 4789 ttl auto ageing 300 udpcsum noudp6zerocsumtx noudp6zerocsumrx
    bridge_slave state disabled priority 32 cost 2 hairpin off guard off root_block off fastleave off learning on flood on mcast_fast_leave off mcast_flood off bcast_flood off mcast_to_unicast off isolated off locked off`;

describe('a port that takes no frames for everybody', () => {
  for (const [form, text] of Object.entries({ JSON: linkJson, text: linkText })) {
    it(`is told by ${form}`, () => {
      const [link] = parseLinks(text).value;
      expect(link?.bridgePort).to.deep.equal({
        state: 'disabled',
        hairpin: false,
        learning: true,
        flood: true,
        multicastFlood: false,
        broadcastFlood: false,
        isolated: false,
        guard: false,
      });
    });
  }
});

describe('an entry for a VTEP', () => {
  const json =
    '[{"mac":"00:00:00:00:00:00","ifname":"vx0","dst":"10.0.0.2","viaIf":"e0","flags":["self"],"state":"permanent"},{"mac":"00:00:00:00:00:00","ifname":"vx1","dst":"10.0.0.3","flags":["self"],"state":"permanent"}]';
  const text = '00:00:00:00:00:00 dev vx0 dst 10.0.0.2 via e0 self permanent\n00:00:00:00:00:00 dev vx1 dst 10.0.0.3 self permanent';
  for (const [form, said] of Object.entries({ JSON: json, text })) {
    it(`names the device its packets leave by, where there is one (${form})`, () => {
      expect(parseFdb(said).value.map(({ device, destination, via }) => ({ device, destination, via }))).to.deep.equal([
        { device: 'vx0', destination: '10.0.0.2', via: 'e0' },
        { device: 'vx1', destination: '10.0.0.3', via: undefined },
      ]);
    });
  }
});
