// One run: what people change on it, what they look at, what they take away.
import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { axe, frame, launch, narrow, open, settled, wide } from './lib/browser.js';
import { client, files, team } from './lib/seed.js';
import { startServer } from './lib/server.js';

let server, browser, world, api, tab, page;
before(async () => {
  [server, browser] = await Promise.all([startServer(), launch()]);
  api = client(server.url);
  world = await team(api, { runs: 12 });
});
after(async () => { await browser?.close(); await server?.stop(); });
beforeEach(async () => { tab = await open(browser); page = tab.page; });
afterEach(async () => { const { problems } = tab; await tab.close(); assert.deepEqual(problems, []); });

const go = (path) => page.goto(server.url + path);
const flash = (words) => page.locator('.banner[role=status], .toast[role=status]', { hasText: words }).waitFor();
const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.getAttribute('aria-label') || document.activeElement.tagName);
const sections = (name) => page.getByRole('navigation', { name: 'Sections of the run' }).getByRole('link', { name: new RegExp(`^${name}`) });

test('the name is edited where it stands', async () => {
  const run = await api.run(world.fraud, 'to be named');
  await go(`/runs/${run.id}`);
  await page.getByRole('link', { name: 'Rename run' }).first().click();
  await page.locator('#run-name').waitFor();
  await page.waitForFunction(() => document.activeElement.id === 'run-name');
  await page.fill('#run-name', 'not this');
  await page.keyboard.press('Escape');
  await page.getByRole('heading', { level: 1, name: 'to be named' }).waitFor();
  await page.waitForFunction(() => document.activeElement.getAttribute('aria-label') === 'Rename run');
  await page.keyboard.press('Enter');
  await page.fill('#run-name', 'named <b>well</b>');
  await page.keyboard.press('Enter');
  await flash('Saved.');
  assert.equal(await page.locator('h1').innerText(), 'named <b>well</b>');
});

test('note, tags, trash', async () => {
  const run = await api.run(world.fraud, 'to be edited', { tags: { colour: 'blue' } });
  await go(`/runs/${run.id}`);
  await page.getByRole('link', { name: 'Edit note' }).click();
  await page.fill('#note', '# First\n\n<b>second</b> **line**');
  await page.getByRole('button', { name: 'Preview' }).click();
  await page.locator('#note-preview h3', { hasText: 'First' }).waitFor();
  assert.equal(await page.locator('#note').inputValue(), '# First\n\n<b>second</b> **line**', 'a preview leaves the editor alone');
  await page.getByRole('button', { name: 'Save' }).click();
  await flash('Saved.');
  assert.equal(await page.locator('.prose').innerText().then((t) => t.replace(/\s+/g, ' ')), 'First <b>second</b> line');
  await sections('Overview').click();
  const tags = page.locator('section', { has: page.getByRole('heading', { name: 'Tags' }) });
  await page.fill('#tag-key', 'data');
  await page.fill('#tag-value', '2026-w46');
  await page.getByRole('button', { name: 'Add tag' }).click();
  await flash('Saved.');
  await tags.getByText('2026-w46').waitFor();
  tab.expect(400);
  await page.fill('#tag-key', 'not/../allowed');
  await page.fill('#tag-value', 'kept');
  await page.getByRole('button', { name: 'Add tag' }).click();
  await page.locator('#tag-key-error').waitFor();
  assert.deepEqual([await page.locator('#tag-key').inputValue(), await page.locator('#tag-value').inputValue()], ['not/../allowed', 'kept'], 'what was typed is kept');
  await axe(page, 'a refused tag');
  tab.expect();
  await go(`/runs/${run.id}?tab=parameters`);
  await page.getByRole('link', { name: 'Edit tag data' }).click();
  await page.waitForFunction(() => document.activeElement.id === 'tag-edit');
  await page.fill('#tag-edit', '2026-w47');
  await page.keyboard.press('Enter');
  await flash('Saved.');
  await tags.getByText('2026-w47').waitFor();
  assert.equal(new URL(page.url()).searchParams.get('tab'), 'parameters', 'the tab stays');
  await page.getByRole('button', { name: 'Delete tag colour' }).click();
  await flash('Saved.');
  assert.deepEqual((await tags.locator('li span.cut-any').allInnerTexts()).map((t) => t.trim()), ['data 2026-w47'], 'one’s own tags, not what clients note for themselves');
  await page.getByRole('button', { name: 'Actions for run to be edited' }).click();
  await page.getByRole('button', { name: 'Delete run' }).click();
  await flash('Run moved to the trash.');
  await page.getByText('This run is in the trash').waitFor();
  assert.equal(await page.getByRole('link', { name: 'Edit note' }).count(), 0, 'what is in the trash is not edited');
  await axe(page, 'a run in the trash');
  await page.getByRole('button', { name: 'Restore' }).click();
  await flash('Restored.');
  assert.equal(await page.getByText('This run is in the trash').count(), 0);
});

test('two people write a note', async () => {
  const run = await api.run(world.fraud, 'shared');
  await go(`/runs/${run.id}?tab=notes`);
  const other = await open(browser);
  await other.page.goto(`${server.url}/runs/${run.id}?tab=notes`);
  await other.page.fill('#note', 'theirs');
  await other.page.getByRole('button', { name: 'Save' }).click();
  await other.page.locator('.prose', { hasText: 'theirs' }).waitFor();
  other.clean('the first to write');
  await other.close();
  tab.expect(409);
  await page.fill('#note', 'mine');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('alert').getByText('was changed while you wrote').waitFor();
  assert.equal(await page.locator('#note-theirs').innerText(), 'theirs');
  assert.equal(await page.locator('#note').inputValue(), 'mine');
  for (const size of [wide, narrow]) {
    await page.setViewportSize(size);
    await frame(page, 'en', 'a conflict');
    await axe(page, 'a conflict');
  }
  tab.expect();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.locator('.prose', { hasText: 'mine' }).waitFor();
});

test('values: found, copied, compared, exported', async () => {
  await go(`/runs/${world.long.id}?tab=parameters`);
  await page.getByRole('searchbox').fill('OPTIM');
  await page.keyboard.press('Enter');
  await page.waitForURL('**q=OPTIM*');
  await page.getByText('adamw').waitFor();
  assert.equal(await page.getByRole('region', { name: 'Parameters' }).locator('tbody tr').count(), 1);
  await tab.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.getByRole('button', { name: 'Copy optimizer' }).click();
  await page.locator('#live', { hasText: 'Copied' }).waitFor({ state: 'attached' });
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), 'adamw');
  await go(`/runs/${world.nested.id}?tab=parameters`);
  await page.getByLabel('Differs from').selectOption({ label: 'transformer-long (parent)' });
  await page.getByRole('button', { name: 'Show', exact: true }).click();
  const table = page.getByRole('region', { name: 'Differences from transformer-long' });
  await table.getByText('adamw').waitFor();
  assert.ok(page.url().includes(`with=${world.long.id}`), 'the address is the state');
  const [csv] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'CSV', exact: true }).click()]);
  assert.equal(csv.suggestedFilename(), 'fold-1.csv');
  assert.match(await readFile(await csv.path(), 'utf8'), /^kind,key,value,step,time\nmetric,val_auc,0\.9,0,/);
});

test('files: a tree that stays open, safe to look at, whole to take away', async () => {
  await go(`/runs/${world.long.id}?tab=artifacts`);
  const tree = page.getByRole('navigation', { name: 'Files' });
  for (const name of ['folder', 'deep', 'übersicht 2026 (final).txt']) await tree.getByRole('link', { name, exact: name.length < 8 }).click();
  await page.getByText('Ein Name mit Leerzeichen und Umlaut.').waitFor();
  const [odd] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download', exact: true }).click()]);
  assert.equal(odd.suggestedFilename(), 'übersicht 2026 (final).txt');
  await tree.getByRole('link', { name: 'roc.png' }).click();
  await page.waitForFunction(() => document.querySelector('.preview img')?.naturalWidth === 320);
  assert.equal(await tree.getByRole('link', { name: /final/ }).count(), 1, 'the folder stays open');
  await tree.getByRole('link', { name: 'report.html' }).click();
  const inner = page.frameLocator('iframe');
  await inner.getByRole('heading', { name: 'Report' }).waitFor();
  await page.getByRole('link', { name: 'Source' }).click();
  await page.locator('pre', { hasText: '<h1>Report</h1>' }).waitFor();
  await tree.getByRole('link', { name: 'report.txt' }).click();
  await page.getByText('better in daylight').waitFor();
  const [text] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download', exact: true }).click()]);
  assert.equal(await readFile(await text.path(), 'utf8'), files['report.txt']);
  await tree.getByRole('link', { name: 'folder', exact: true }).click();
  await page.getByRole('heading', { name: 'folder' }).waitFor();
  const [zip] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download as zip' }).click()]);
  assert.equal(zip.suggestedFilename(), 'transformer-long-folder.zip');
  assert.ok((await stat(await zip.path())).size > 100);
  const [all] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download all' }).click()]);
  assert.equal(all.suggestedFilename(), 'transformer-long.zip');
  await tree.getByRole('link', { name: 'folder', exact: true }).click();
  await page.waitForFunction(() => !document.querySelector('.tree ul'));
  for (const name of ['report.html', 'drawing.svg']) {
    const answer = await tab.context.request.get(`${server.url}/get-artifact?${new URLSearchParams({ run_id: world.long.id, path: name })}`);
    assert.match(answer.headers()['content-disposition'], /^attachment;/, name);
    assert.match(answer.headers()['content-security-policy'], /sandbox/, name);
  }
});

test('few clicks: a note and a file from the list of experiments', async () => {
  let clicks = 0;
  const click = async (link) => { clicks++; await link.click(); };
  const run = await api.run(world.fraud, 'newest', { start: Date.now() + 1000 });
  await api.file(run, 'model.txt', 'weights');
  await go('/');
  await click(page.getByRole('link', { name: 'fraud-detection' }).first());
  await click(page.getByRole('link', { name: 'newest' }).first());
  await click(page.getByRole('link', { name: 'Edit note' }));
  await page.fill('#note', 'good');
  await click(page.getByRole('button', { name: 'Save' }));
  await page.locator('.prose', { hasText: 'good' }).waitFor();
  assert.ok(clicks <= 4, `a note took ${clicks} clicks`);
  clicks = 0;
  await go('/');
  await click(page.getByRole('link', { name: 'fraud-detection' }).first());
  await click(page.getByRole('link', { name: 'newest' }).first());
  const [all] = await Promise.all([page.waitForEvent('download'), click(page.getByRole('link', { name: 'Download all' }))]);
  assert.equal(all.suggestedFilename(), 'newest.zip');
  assert.ok(clicks <= 4, `a file took ${clicks} clicks`);
});

test('a parent and its children', async () => {
  for (let i = 0; i < 60; i++) await api.run(world.fraud, `child-${i}`, { start: 1e12 + i, tags: { 'mlflow.parentRunId': world.long.id } });
  await go(`/runs/${world.long.id}`);
  await page.getByRole('link', { name: 'All child runs' }).click();
  await page.waitForURL('**tab=lineage');
  const children = page.locator('#children');
  assert.equal(await children.locator('tbody tr').count(), 50);
  await children.getByRole('link', { name: 'Next' }).click();
  await children.getByRole('link', { name: 'child-59' }).waitFor();
  await children.getByRole('link', { name: 'child-59' }).click();
  await page.locator('#run-head').getByRole('link', { name: 'transformer-long' }).click();
  await page.waitForURL(`**/runs/${world.long.id}`);
});

test('without JavaScript', async () => {
  const plain = await open(browser, { javaScriptEnabled: false });
  const run = await api.run(world.fraud, 'plain', { tags: { team: 'risk' } });
  await plain.page.goto(`${server.url}/runs/${run.id}`);
  await plain.page.getByRole('link', { name: 'Rename run' }).first().click();
  await plain.page.fill('#run-name', 'plain html');
  await plain.page.getByRole('button', { name: 'Save' }).click();
  await plain.page.getByRole('heading', { level: 1, name: 'plain html' }).waitFor();
  await plain.page.getByRole('link', { name: 'Edit note' }).click();
  await plain.page.fill('#note', '**draft**');
  await plain.page.getByRole('button', { name: 'Preview' }).click();
  await plain.page.locator('#note-preview strong', { hasText: 'draft' }).waitFor();
  assert.equal(await plain.page.locator('#note').inputValue(), '**draft**');
  await plain.page.getByRole('button', { name: 'Save' }).click();
  await plain.page.locator('.prose strong', { hasText: 'draft' }).waitFor();
  await plain.page.goto(`${server.url}/runs/${run.id}?tab=parameters`);
  await plain.page.getByRole('link', { name: 'Edit tag team' }).click();
  await plain.page.fill('#tag-edit', 'fraud');
  await plain.page.getByRole('button', { name: 'Save' }).click();
  await plain.page.locator('#tags', { hasText: 'fraud' }).waitFor();
  plain.clean('without JavaScript');
  await plain.close();
});
