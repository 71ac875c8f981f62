// The audit log: what was done and by whom, found again, one line by its address, the chain verified, exported.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { launch, look, open } from './lib/browser.js';
import { client } from './lib/seed.js';
import { startServer } from './lib/server.js';
import { addUser, basic, createFirst, signIn } from './lib/sign.js';

let server, browser, api, tab, page;
const hostile = '"><img src=x onerror=window.hit=1><script>window.hit=1<∕script>'; // a name has no slash

before(async () => { [server, browser] = await Promise.all([startServer(), launch()]); });
after(async () => { await browser?.close(); await server?.stop(); });

const go = (path) => page.goto(server.url + path);
const rows = () => page.locator('#audit-lines tbody tr');

test('before anything happened, in local mode', async (t) => {
  await t.test('looks', () => look(browser, `${server.url}/audit`, 'audit-empty', { ready: '.empty' }));
  await t.test('is whole', () => look(browser, `${server.url}/audit/verify`, 'audit-empty-verified', { ready: '.banner--ok' }));
  await t.test('with what was done', async () => {
    api = client(server.url);
    for (const name of ['scorer', hostile]) {
      await api.post('registered-models/create', { name });
      await api.post('model-versions/create', { name, source: 's3://bucket/model' });
    }
    await api.post('registered-models/alias', { name: 'scorer', alias: 'champion', version: '1' });
    const experiment = await api.experiment('old');
    for (let i = 0; i < 42; i++) {
      const run = await api.run(experiment, `r${i}`);
      await api.post('runs/delete', { run_id: run.id });
    }
  });
  await t.test('looks, with lines', () => look(browser, `${server.url}/audit`, 'audit', { ready: 'tbody tr' }));
  await t.test('looks, verified', () => look(browser, `${server.url}/audit/verify`, 'audit-verified', { ready: '.banner--ok' }));
  await t.test('looks, filtered to nothing', () => look(browser, `${server.url}/audit?actor=nobody&from=2026-01-01`, 'audit-none', { ready: '.empty' }));
  await t.test('looks, one line', () => look(browser, `${server.url}/audit/lines/4`, 'audit-line', { ready: '#audit-told' }));
});

test('an administrator reads it', async (t) => {
  tab = await open(browser);
  page = tab.page;
  await createFirst(page, server.url);
  await addUser(tab.context, server.url, 'vic', 'viewer');
  await go('/');
  await page.keyboard.press('g');
  await page.keyboard.press('l');
  await page.waitForURL('**/audit');
  await t.test('in pages', async () => {
    assert.equal(await rows().count(), 40);
    await page.getByRole('link', { name: 'Next' }).click();
    await page.waitForURL('**token=**');
    assert.equal(await rows().count(), 7);
  });
  await t.test('by name', async () => {
    await go('/audit');
    await page.getByLabel('Object', { exact: true }).fill('scorer');
    await page.getByRole('button', { name: 'Search', exact: true }).click();
    await page.waitForURL('**object=scorer**');
    assert.equal(await rows().count(), 3);
    await rows().filter({ hasText: 'Alias champion of scorer moved from — to 1' }).waitFor();
    await page.getByLabel('Action').selectOption('run.delete');
    await page.getByRole('button', { name: 'Search', exact: true }).click();
    await page.locator('.empty').waitFor();
    await page.locator('.empty').getByRole('link', { name: 'Clear' }).click();
    await page.waitForURL('**/audit');
  });
  await t.test('a day that is none is said', async () => {
    tab.expect(400);
    await go('/audit?from=yesterday');
    await page.getByRole('alert').filter({ hasText: 'yesterday is no date' }).waitFor();
    tab.expect();
  });
  await t.test('a line has its own address', async () => {
    await go('/audit?object=scorer');
    await rows().filter({ hasText: 'registered' }).getByRole('link', { name: /^Line/ }).click();
    await page.waitForURL('**/audit/lines/2');
    await page.getByText('Version 1 of scorer registered').waitFor();
    assert.match(await page.locator('main dl.kv').innerText(), /127\.0\.0\.1/);
    await page.getByRole('link', { name: 'Line before' }).click();
    await page.waitForURL('**/audit/lines/1');
    assert.equal(await page.getByRole('link', { name: 'Line before' }).count(), 0);
  });
  await t.test('the chain of the server', async () => {
    await go('/audit?chain=server');
    await rows().filter({ hasText: 'Account vic made (viewer)' }).waitFor();
    await page.getByRole('link', { name: 'Verify' }).click();
    await page.locator('.banner--ok', { hasText: 'The chain is whole: 3 lines' }).waitFor();
  });
  await t.test('exports what the filter finds', async () => {
    await go('/audit?object=scorer');
    const [csv] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'CSV' }).click()]);
    const sheet = await readFile(await csv.path(), 'utf8');
    assert.equal(csv.suggestedFilename(), 'audit workspace default.csv');
    assert.equal(sheet.trim().split('\n').length, 4);
    const [lines] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'JSONL' }).click()]);
    const all = (await readFile(await lines.path(), 'utf8')).trim().split('\n').map((l) => JSON.parse(l));
    assert.deepEqual(all.map((l) => l.seq), [1, 2, 5]);
  });
  tab.clean('audit');
  await tab.close();
});

test('a viewer sees the workspace and no addresses', async () => {
  const other = await open(browser);
  await signIn(other.page, server.url, 'vic');
  await other.page.waitForURL('**/');
  await other.page.goto(`${server.url}/audit`);
  assert.equal(await other.page.locator('.tabs').count(), 0);
  await other.page.goto(`${server.url}/audit/lines/2`);
  assert.doesNotMatch(await other.page.locator('main dl.kv').innerText(), /127\.0\.0\.1/);
  other.expect(403);
  assert.equal((await other.page.goto(`${server.url}/audit?chain=server`)).status(), 403);
  other.expect();
  const text = await (await other.context.request.get(`${server.url}/audit/export?format=jsonl`)).text();
  assert.ok(text.length > 1000 && !text.includes('127.0.0.1'));
  await other.close();
});

test('without JavaScript', async () => {
  const plain = await open(browser, { javaScriptEnabled: false });
  await signIn(plain.page, server.url, 'ada');
  await plain.page.goto(`${server.url}/audit`);
  await plain.page.getByLabel('Object', { exact: true }).fill('scorer');
  await plain.page.getByRole('button', { name: 'Search', exact: true }).click();
  await plain.page.waitForURL('**object=scorer**');
  assert.equal(await plain.page.locator('#audit-lines tbody tr').count(), 3);
  await plain.page.getByRole('link', { name: 'Verify' }).click();
  await plain.page.locator('.banner--ok').waitFor();
  await plain.close();
  assert.equal((await fetch(`${server.url}/audit`, { headers: { authorization: basic('vic') } })).status, 200);
});
