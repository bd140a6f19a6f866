import { readFileSync } from 'node:fs';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { expect } from 'chai';
import type { LinkStats } from '../../../src/node/snapshot.ts';
import { renderJson } from '../../../src/report/data.ts';
import type { Report, VethReport } from '../../../src/report/report.ts';
import type { Attachment } from '../../../src/topology/attachment.ts';
import { busyNode } from './drops-sample.ts';
import { dropsReport, hooks, inDropsReport, inPathReport, inVethReport, outcomes, pathReport, purposes, stopReasons, vethReport } from './members.ts';
import { policyReports, policyWords } from './policy-members.ts';
import { policySamples } from './policy-sample.ts';
import { lostInUnderlay } from './sample.ts';

interface Schema {
  description?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  oneOf?: Schema[];
  enum?: string[];
  additionalProperties?: boolean | Schema;
  $defs?: Record<string, Schema>;
}

const read = (name: string): Schema =>
  JSON.parse(readFileSync(new URL(`../../../docs/schema/${name}.schema.json`, import.meta.url), 'utf8')) as Schema;

const schemas = { path: read('path-report'), veth: read('veth-report'), drops: read('drops-report') };
// ajv itself knows no formats
const ajv = new Ajv2020({ strict: true, validateFormats: false });
const policySchemas = Object.fromEntries(Object.keys(policyReports).map((name) => [name, read(`${name}-report`)]));
const validate = { path: ajv.compile(schemas.path), veth: ajv.compile(schemas.veth), drops: ajv.compile(schemas.drops) };

const counters = (packets: number): LinkStats => ({
  ...{ rxPackets: packets, rxBytes: 0, rxErrors: 0, rxDropped: 0, rxOtherhost: 0 },
  ...{ txPackets: packets, txBytes: 0, txErrors: 0, txDropped: 0 },
});

const attached: Attachment['attached'][] = [
  { how: 'bridge', bridge: 'cni0', portState: 'forwarding' },
  { how: 'ovs', bridge: 'br-int', ofport: 7 },
  { how: 'ovs', bridge: 'br-int' },
  { how: 'routed' },
  { how: 'parent', device: 'eth0', kind: 'macvlan' },
  { how: 'loose', why: 'its far end was not found' },
];

const onBridge = (): VethReport => ({
  kind: 'VethReport',
  time: '2026-01-02T03:04:05Z',
  rows: [
    ...attached.map((one, index) => ({
      namespace: 'default',
      pod: `web-${index}`,
      node: 'node1',
      phase: 'Running',
      attachment: {
        netns: '4026532300',
        pid: 7,
        interface: {
          name: 'eth0',
          ifindex: 2,
          kind: 'veth',
          mac: '0a:00:00:00:00:01',
          mtu: 1450,
          addresses: ['10.244.0.4/24'],
          up: true,
          stats: counters(3),
        },
        peer: { name: 'veth1a2b3c', ifindex: 12, mtu: 1450, up: true, stats: counters(4) },
        attached: one,
        hostRoute: '10.244.0.0/24 dev cni0',
        disagreements: [{ about: 'mtu', message: 'the ends differ' }],
      },
    })),
    { namespace: 'default', pod: 'new', phase: 'Pending', note: 'Pending' },
  ],
  strangers: ['host of node1'],
  findings: [],
  notChecked: [],
  timings: { total: 12 },
});

const errorsOf = (check: ValidateFunction, document: unknown): unknown[] => {
  check(document);
  return check.errors ?? [];
};

const documentOf = (report: Report): Record<string, unknown> => JSON.parse(renderJson(report)) as Record<string, unknown>;

/** Every schema inside a schema, with the way to it. */
const walk = (schema: Schema, way: string): [way: string, schema: Schema][] => [
  [way, schema],
  ...Object.entries({ ...schema.properties, ...schema.$defs }).flatMap(([name, inner]) => walk(inner, `${way}.${name}`)),
  ...(schema.items ? walk(schema.items, `${way}[]`) : []),
  ...(schema.oneOf ?? []).flatMap((inner, index) => walk(inner, `${way}|${index}`)),
];

const propertiesOf = (schema: Schema): string[] => Object.keys(schema.properties ?? {}).sort();

const enumOf = (name: string, property: string): string[] => [...(schemas.path.$defs?.[name]?.properties?.[property]?.enum ?? [])].sort();

describe('the JSON schemas', () => {
  it('take a path report', () => expect(errorsOf(validate.path, documentOf(lostInUnderlay()))).to.deep.equal([]));

  it('take a veth report', () => expect(errorsOf(validate.veth, documentOf(onBridge()))).to.deep.equal([]));

  it('take a drops report', () => expect(errorsOf(validate.drops, documentOf(busyNode()))).to.deep.equal([]));

  it('refuse one for the other', () => expect(errorsOf(validate.veth, documentOf(lostInUnderlay()))).to.not.deep.equal([]));

  it('refuse an unknown property', () => {
    expect(errorsOf(validate.path, { ...documentOf(lostInUnderlay()), colour: 'red' })).to.not.deep.equal([]);
    const report = lostInUnderlay();
    expect(errorsOf(validate.path, documentOf({ ...report, hops: report.hops.map((hop) => ({ ...hop, colour: 'red' })) }))).to.not.deep.equal([]);
  });

  it('refuse a report without its verdict', () => {
    const { verdict: _, ...rest } = documentOf(lostInUnderlay());
    expect(errorsOf(validate.path, rest)).to.not.deep.equal([]);
  });

  for (const [name, schema] of Object.entries({ ...schemas, ...policySchemas })) {
    it(`close every object and describe every property of ${name}`, () => {
      const inside = walk(schema, name);
      const open = inside.filter(([, { properties: some, additionalProperties }]) => some && additionalProperties !== false);
      const bare = inside.flatMap(([way, { properties: some = {} }]) =>
        Object.entries(some).flatMap(([property, { description }]) => (description ? [] : [`${way}.${property}`])),
      );
      expect({ open: open.map(([way]) => way), bare }).to.deep.equal({ open: [], bare: [] });
    });
  }

  it('know the properties of the reports', () => {
    expect(propertiesOf(schemas.path)).to.deep.equal(['apiVersion', ...pathReport].sort());
    expect(propertiesOf(schemas.veth)).to.deep.equal(['apiVersion', ...vethReport].sort());
    expect(propertiesOf(schemas.drops)).to.deep.equal(['apiVersion', ...dropsReport].sort());
  });

  for (const [report, definitions] of Object.entries({ path: inPathReport, veth: inVethReport, drops: inDropsReport })) {
    it(`know the properties of all that a ${report} report holds`, () =>
      expect(
        Object.fromEntries(Object.entries(schemas[report as keyof typeof schemas].$defs ?? {}).map(([name, schema]) => [name, propertiesOf(schema)])),
      ).to.deep.equal(definitions));
  }

  it('know every word for why a way ends, how a probe fails and what it asks', () => {
    expect(enumOf('stop', 'reason')).to.deep.equal(stopReasons);
    expect(enumOf('attempt', 'outcome')).to.deep.equal(outcomes);
    expect(enumOf('probeRequest', 'purpose')).to.deep.equal(purposes);
    expect([...(schemas.drops.$defs?.row?.properties?.hook?.enum ?? [])].sort()).to.deep.equal(hooks);
  });

  it('say the same of what all reports hold', () => {
    for (const schema of [schemas.veth, schemas.drops, ...Object.values(policySchemas)])
      expect(schema.$defs?.finding).to.deep.equal(schemas.path.$defs?.finding);
  });

  for (const [name, { report, inside }] of Object.entries(policyReports)) {
    const schema = policySchemas[name] ?? {};

    it(`know the properties of a ${name} report, and of all that it holds`, () => {
      expect(propertiesOf(schema)).to.deep.equal(['apiVersion', ...report].sort());
      expect(Object.fromEntries(Object.entries(schema.$defs ?? {}).map(([inner, one]) => [inner, propertiesOf(one)]))).to.deep.equal(inside);
    });

    it(`take a ${name} report`, async () => {
      const samples = (await policySamples())[name] ?? [];
      expect(samples).to.not.deep.equal([]);
      for (const sample of samples) expect(errorsOf(ajv.compile(schema), documentOf(sample))).to.deep.equal([]);
    });
  }

  it('know every word of the policy reports', () => {
    for (const [name, definition, property, words] of policyWords)
      expect([...(policySchemas[name]?.$defs?.[definition]?.properties?.[property]?.enum ?? [])].sort(), `${name} ${definition}`).to.deep.equal(
        words,
      );
  });
});
