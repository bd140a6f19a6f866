import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { archiveName, type Manifest, renderManifest, sha256 } from '../../../scripts/krew-manifest.ts';

const root = join(import.meta.dirname, '../../..');
const template = readFileSync(join(root, 'krew-manifest.yaml'), 'utf8');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };

// krew v0.4.4: internal/index/validation and cmd/validate-krew-manifest
const krewPlatforms = [
  ['windows', '386', 'amd64', 'arm64'],
  ['linux', '386', 'amd64', 'arm', 'arm64', 'ppc64le'],
  ['darwin', '386', 'amd64', 'arm64'],
].flatMap(([os, ...architectures]) => architectures.map((arch) => `${os}/${arch}`));

const expectKrewTakes = (manifest: Manifest) => {
  const { spec } = manifest;
  expect(manifest).to.include({ apiVersion: 'krew.googlecontainertools.github.com/v1alpha2', kind: 'Plugin' });
  expect(manifest.metadata.name).to.match(/^[\w-]+$/);
  expect(spec.version).to.match(/^v\d+\.\d+\.\d+(-[\w.]+)?$/);
  expect(spec.shortDescription).to.match(/^[^\r\n]+$/);
  for (const platform of spec.platforms) {
    expect(platform).to.have.all.keys('selector', 'uri', 'sha256', 'bin');
    expect(platform.selector).to.have.all.keys('matchLabels');
    expect(platform.selector.matchLabels).to.have.all.keys('os', 'arch');
    expect(platform.sha256).to.match(/^[a-f0-9]{64}$/);
    expect(platform.uri).to.match(/^https:\/\/.*\.tar\.gz$/);
  }
  const platforms = spec.platforms.map(({ selector: { matchLabels } }) => `${matchLabels.os}/${matchLabels.arch}`);
  expect(krewPlatforms).to.include.members(platforms);
  expect(new Set(platforms).size).to.equal(platforms.length);
};

describe('krew manifest', () => {
  const manifest: Manifest = parse(template);

  it('keeps the rules that krew checks', () => expectKrewTakes(manifest));

  it('is about this version', () => {
    expect(manifest.spec.version).to.equal(`v${version}`);
    for (const platform of manifest.spec.platforms) {
      const { os, arch } = platform.selector.matchLabels;
      expect(archiveName(platform)).to.equal(`kubectl-netdoctor_${version}_${os}_${arch}.tar.gz`);
      expect(platform.uri).to.include(`/v${version}/`);
    }
  });

  it('describes in a few words, without flags or commands', () => {
    expect(manifest.spec.shortDescription.length).to.be.at.most(59);
    expect(manifest.spec.description).not.to.match(/(^|\s)--?\w|kubectl netdoctor/);
  });
});

describe('rendered krew manifest', () => {
  const content = Buffer.from('an archive');
  const render = (...made: string[]): Manifest => parse(renderManifest(template, (archive) => (made.includes(archive) ? content : undefined)));
  const amd64 = `kubectl-netdoctor_${version}_linux_amd64.tar.gz`;

  it('keeps the rules that krew checks', () => expectKrewTakes(render(amd64)));

  it('has the platforms that were made, each with the sum of its archive', () => {
    expect(render(amd64).spec.platforms).to.deep.equal([{ ...(parse(template) as Manifest).spec.platforms[0], sha256: sha256(content) }]);
  });

  it('says nothing of zeros and templates', () => {
    expect(renderManifest(template, () => content)).not.to.match(/#|0{64}/);
  });

  it('is not made when no platform is', () => {
    expect(() => render('kubectl-netdoctor_9.9.9_linux_amd64.tar.gz')).to.throw(`no archive of v${version}`);
  });
});
