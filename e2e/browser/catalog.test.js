// The catalog: full on the first start, found by constraints, compared, priced, shortlisted; its sources and their keys.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { launch, look, narrow, open } from './lib/browser.js';
import { startServer, until } from './lib/server.js';

let server, browser, tab, page;
const hostile = `"><img src=x onerror=window.hit=1><script>window.hit=1</script>`;
const go = (path) => page.goto(server.url + path);
const rows = () => page.locator('#catalog tbody tr');
const shown = () => page.locator('#catalog [data-announce]').first().textContent();
const post = (path, fields) => page.request.post(server.url + path, { form: fields, headers: { 'Sec-Fetch-Site': 'same-origin' }, maxRedirects: 0 });

before(async () => {
  [server, browser] = await Promise.all([startServer(), launch()]);
  tab = await open(browser);
  page = tab.page;
  await until(() => fetch(`${server.url}/catalog/export?format=json`).then((r) => r.json()).then((all) => all.length > 4000, () => false), 'the catalog is full', 30);
});
after(async () => { await browser?.close(); await server?.stop(); });

test('it looks as it should', async (t) => {
  await t.test('the list', () => look(browser, `${server.url}/catalog`, 'catalog', { ready: '#catalog tbody tr' }));
  await t.test('cards', () => look(browser, `${server.url}/catalog?q=gpt-4o&view=cards`, 'catalog-cards', { ready: '.mcard' }));
  await t.test('nothing found', () => look(browser, `${server.url}/catalog?q=zzzzz`, 'catalog-none', { ready: '.empty' }));
  await t.test('a model', () => look(browser, `${server.url}/catalog/model?id=openai/gpt-4o`, 'catalog-model', { ready: '.cost b' }));
  await t.test('a comparison', () => look(browser, `${server.url}/catalog/compare?m=openai/gpt-4o&m=anthropic/claude-sonnet-4-5`, 'catalog-compare', { ready: '.tbl--c' }));
  await t.test('no changes', () => look(browser, `${server.url}/catalog/changes`, 'catalog-changes-none', { ready: '.empty' }));
});

test('found by three constraints in three clicks', async () => {
  await go('/catalog');
  await page.locator('#f-can-tools').check();
  await page.waitForURL(/can=tools/);
  await page.locator('#n-context-200k').click();
  await page.waitForURL(/context=200k/);
  await page.locator('#n-max_input-1').click();
  await page.waitForURL(/max_input=1/);
  const all = await (await fetch(`${server.url}/catalog/export?format=json&${new URL(page.url()).searchParams}`)).json();
  assert.ok(all.length > 100, `${all.length} models`);
  for (const m of all) {
    assert.ok(m.capabilities.split(' ').includes('tools') && m.context >= 200_000 && Number(m.input_usd_per_token) * 1e6 <= 1, JSON.stringify(m));
  }
  assert.match(await shown(), new RegExp(`of ${all.length.toLocaleString('en')} models`));
  assert.equal(await page.locator('.chip').count(), 3);
  await page.getByRole('link', { name: /Remove Context at least/ }).click();
  await page.waitForURL((url) => !url.searchParams.has('context'));
  tab.clean('three constraints');
});

test('search, sort, pages, and a number that cannot be read', async () => {
  await go('/catalog');
  await page.locator('#catalog-q').pressSequentially('claude-sonnet-4');
  await page.waitForURL(/q=claude-sonnet-4/);
  await page.waitForFunction(() => [...document.querySelectorAll('#catalog tbody th')].every((c) => /claude-sonnet-4/.test(c.textContent)));
  assert.equal(await page.locator('#catalog-q').evaluate((e) => e === document.activeElement), true, 'one types on');
  await go('/catalog?can=tools');
  await page.locator('#sort-input').click();
  await page.waitForURL(/order=input/);
  const prices = (await page.locator('#catalog tbody td.n:nth-child(5)').allTextContents()).map((s) => Number(s.slice(1, s.indexOf(' ')).replace(',', '')));
  assert.deepEqual(prices, [...prices].sort((a, b) => b - a));
  const before = await shown();
  await page.getByRole('link', { name: 'Next' }).click();
  await page.waitForURL(/page=1/);
  await page.waitForFunction((old) => document.querySelector('#catalog [data-announce]').textContent !== old, before);
  await go('/catalog?context=many');
  await page.getByRole('alert').filter({ hasText: 'Write a number' }).waitFor();
  assert.equal(await rows().count(), 40, 'what cannot be read does not count');
  tab.clean('search and sort');
});

test('the elements of the list stay few, and its long facets open', async () => {
  await go('/catalog');
  assert.ok(await page.evaluate(() => document.querySelectorAll('*').length) <= 1500);
  await page.locator('#more-provider summary').click();
  await page.locator('#f-provider-zai').check();
  await page.waitForURL(/provider=zai/);
  assert.equal(await page.locator('#f-provider-zai').isChecked(), true);
});

test('without a script', async () => {
  const plain = await open(browser, { javaScriptEnabled: false });
  await plain.page.goto(`${server.url}/catalog`);
  await plain.page.locator('#f-can-tools').check();
  await plain.page.locator('#facets button').last().click();
  await plain.page.waitForURL(/can=tools/);
  await plain.page.locator('#catalog tbody input[name=m]').first().check();
  await plain.page.locator('#catalog tbody input[name=m]').nth(1).check();
  await plain.page.getByRole('button', { name: 'Compare ticked models' }).click();
  await plain.page.waitForURL(/compare\?/);
  assert.equal(await plain.page.locator('.tbl--c thead th a').count() >= 2, true);
  await plain.close();
});

test('on a narrow screen the conditions open', async () => {
  const phone = await open(browser, { viewport: narrow });
  await phone.page.goto(`${server.url}/catalog`);
  assert.equal(await phone.page.locator('#f-can-tools').isVisible(), false);
  await phone.page.locator('#facets-all > summary').click();
  await phone.page.locator('#f-can-tools').check();
  await phone.page.waitForURL(/can=tools/);
  await phone.page.waitForFunction(() => document.querySelector('#f-can-vision').checkVisibility());
  phone.clean('narrow');
  await phone.close();
});

test('compare: more than six are refused', async () => {
  const many = ['openai/gpt-4o', 'openai/gpt-4o-mini', 'openai/gpt-4.1', 'openai/gpt-4.1-mini', 'openai/gpt-4', 'openai/o3', 'openai/o3-mini'];
  tab.expect(400);
  await go(`/catalog/compare?${new URLSearchParams(many.map((m) => ['m', m]))}`);
  await page.getByText('At most 6 models stand side by side').waitFor();
  tab.expect();
});

test('what a month costs', async () => {
  await go('/catalog/model?id=openai/gpt-4o');
  const cost = page.locator('.cost b');
  assert.equal(await cost.textContent(), '$550.00'); // 100,000 × (1,000 × 2.50 + 300 × 10) / 1,000,000
  await page.locator('#tier').selectOption('batch');
  await page.waitForFunction(() => document.querySelector('.cost b')?.textContent === '$275.00');
  await page.locator('#requests').fill('many');
  await page.locator('.cost .err').waitFor();
  tab.clean('the calculator');
});

test('a shortlist', async (t) => {
  await go('/catalog/shortlists');
  await page.getByRole('button', { name: 'Add use case' }).first().click();
  await page.locator('dialog#add').getByLabel('Name').fill('Support answers');
  await page.getByLabel('Allowed licences').fill('MIT\nApache-2.0');
  await page.locator('dialog#add').getByRole('button', { name: 'Save' }).click();
  await page.waitForURL(/shortlists\/[0-9a-f]+$/);
  const use = new URL(page.url()).pathname;
  await go('/catalog/model?id=openai/gpt-4o');
  await page.getByRole('button', { name: 'Add to shortlist' }).click();
  await page.locator('#choose-status').selectOption('approved');
  tab.expect(400);
  await page.locator('dialog#choose').getByRole('button', { name: 'Save' }).click();
  await page.locator('dialog#choose:modal').getByText('Say why').waitFor();
  assert.equal(await page.locator('#choose-status').inputValue(), 'approved', 'what was chosen stays');
  tab.expect();
  await page.locator('#choose-reason').fill(`Best of three ${hostile}`);
  await page.locator('dialog#choose').getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved on the shortlist').waitFor();
  await page.getByRole('link', { name: 'Support answers' }).waitFor();
  await go(use);
  await page.getByText('Licence not known').waitFor();
  await page.getByRole('button', { name: /Change the choice of/ }).click();
  await page.locator('dialog:modal select[name=status]').selectOption('evaluating');
  await page.locator('dialog:modal').getByRole('button', { name: 'Save' }).click();
  await page.locator('.badge', { hasText: 'Evaluating' }).waitFor();
  await go('/catalog?choice=evaluating');
  assert.equal(await rows().count(), 1);
  await t.test('looks', async () => {
    await look(browser, server.url + use, 'catalog-shortlist', { ready: 'tbody tr' });
    await look(browser, `${server.url}/catalog/shortlists`, 'catalog-shortlists', { ready: 'tbody tr' });
    await look(browser, `${server.url}/catalog/model?id=openai/gpt-4o`, 'catalog-choose', { act: (p) => p.locator('[commandfor=choose]').first().click(), ready: 'dialog#choose:modal' });
  });
  await go(use);
  await page.getByRole('button', { name: /^Remove/ }).click();
  await page.locator('.empty').waitFor();
  await page.getByRole('button', { name: 'Delete use case' }).first().click();
  await page.locator('dialog#drop').getByRole('button', { name: 'Delete' }).click();
  await page.waitForURL(/shortlists$/);
  tab.clean('a shortlist');
});

test('sources: a closed address, a file full of traps, a key', async (t) => {
  await look(browser, `${server.url}/catalog/sources`, 'catalog-sources', { ready: 'tbody tr' });
  assert.equal((await post('/secrets', { name: 'acme key', value: 'planted-canary-0815' })).status(), 303);
  await go('/secrets');
  assert.ok(!(await page.content()).includes('planted'), 'a value is never shown');
  await look(browser, `${server.url}/secrets`, 'secrets', { ready: 'tbody tr' });
  await look(browser, `${server.url}/secrets`, 'secrets-add', { act: (p) => p.locator('[commandfor=add]').first().click(), ready: 'dialog#add:modal' });
  await go('/catalog/sources');
  await page.getByRole('button', { name: 'Add source' }).click();
  const form = page.locator('dialog#add');
  await form.getByLabel('Name', { exact: true }).fill('inside');
  await form.getByLabel('Address', { exact: true }).fill('http://127.0.0.1:9/v1');
  await form.getByLabel('Key', { exact: true }).selectOption({ label: 'acme key' });
  await form.getByLabel('Switched on').check();
  await form.getByRole('button', { name: 'Save' }).click();
  await page.getByText('inside was added').waitFor();
  await until(async () => { await go('/catalog/sources'); return page.getByText('is an address of this machine').isVisible(); }, 'why it failed', 20);
  tab.expect(409);
  await go('/secrets');
  await page.getByRole('button', { name: 'Delete acme key' }).click();
  await page.getByText('inside uses it').waitFor();
  tab.expect();
  await writeFile(join(server.data, 'catalog', 'traps.yaml'), `models:\n  - provider: acme\n    id: ${JSON.stringify(hostile.replaceAll('/', '∕'))}\n    name: ${JSON.stringify(hostile)}\n    licence: ${JSON.stringify(hostile)}\n  - provider: acme\n    id: ${'long'.repeat(60)}\n    name: "\\u202eevil \\U0001F680 ${'very '.repeat(40)}"\n`);
  await post('/catalog/sources', { kind: 'file', name: `traps ${hostile}`, address: 'file:traps.yaml', every: '3600000', enabled: 'yes' });
  await until(async () => { await go('/catalog?provider=acme'); return await rows().count() === 2; }, 'the traps are in the catalog', 20);
  await t.test('looks', async () => {
    await look(browser, `${server.url}/catalog?provider=acme`, 'catalog-traps', { ready: 'tbody tr' });
    await look(browser, `${server.url}/catalog/model?${new URLSearchParams({ id: `acme/${'long'.repeat(60)}` })}`, 'catalog-traps-model', { ready: 'h1' });
    await look(browser, `${server.url}/catalog/sources`, 'catalog-sources-failed', { ready: '.badge--danger' });
  });
  await writeFile(join(server.data, 'catalog', 'traps.yaml'), 'models:\n  - provider: acme\n    id: another\n');
  await go('/catalog/sources');
  await page.getByRole('button', { name: /^Look at traps/ }).click();
  await until(async () => { await go('/catalog/changes'); return page.getByRole('link', { name: 'acme/another' }).isVisible(); }, 'what changed', 20);
  await look(browser, `${server.url}/catalog/changes`, 'catalog-changes', { ready: 'tbody tr' });
  tab.clean('sources');
});
