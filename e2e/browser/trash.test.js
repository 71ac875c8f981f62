// The trash: undo, restore, and deleting for good, which frees a name.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { axe, launch, look, open, shot } from './lib/browser.js';
import { client } from './lib/seed.js';
import { startServer, until } from './lib/server.js';

let server, browser, api;
const hostile = '"><img src=x onerror=window.hit=1><script>window.hit=1</script>';
const ids = {};

before(async () => {
  [server, browser] = await Promise.all([startServer(), launch()]);
  api = client(server.url);
  for (const name of ['old-attempts', hostile, 'kept', 'half']) ids[name] = await api.experiment(name);
  for (const n of [1, 2, 3]) {
    const run = await api.run(ids['old-attempts'], `run-${n}`, { params: { depth: n }, metrics: Array.from({ length: 50 }, (_, step) => ({ key: 'loss', value: 1 / (step + 1), step, timestamp: Date.now() })) });
    await api.file(run, 'weights.bin', Buffer.alloc(200_000, n));
  }
  for (const n of [1, 2, 3]) ids[`kept-${n}`] = (await api.run(ids.kept, n === 3 ? hostile : `kept-${n}`)).id;
  const model = await api.model(ids.kept, 'scorer', ids['kept-1']);
  await api.file(model, 'MLmodel', 'flavors: {}');
  await fetch(`${server.url}/api/2.0/mlflow/logged-models/${model.id}`, { method: 'DELETE' });
});
after(async () => { await browser?.close(); await server?.stop(); });

test('an empty trash', async () => {
  await api.post('experiments/search', { max_results: 1 });
  await look(browser, `${server.url}/trash?kind=run`, 'trash-empty', { ready: '.empty' });
});

test('deleting can be undone', async () => {
  const tab = await open(browser);
  const { page } = tab;
  await page.goto(`${server.url}/runs/${ids['kept-1']}`);
  await page.click('button[popovertarget=run-menu]');
  await page.getByRole('button', { name: 'Delete' }).first().click();
  await page.locator('.toast', { hasText: 'moved to the trash' }).waitFor();
  await axe(page, 'toast');
  await shot(page, 'toast-light-1440-en');
  await page.locator('.toast').getByRole('button', { name: 'Undo' }).click();
  await page.locator('.banner[role=status]', { hasText: 'Restored.' }).waitFor();
  assert.equal(await page.locator('h1 .badge', { hasText: 'Deleted' }).count(), 0);
  tab.clean('undo');
  await tab.close();
});

test('what is in the trash', async (t) => {
  for (const name of ['old-attempts', hostile]) await api.post('experiments/delete', { experiment_id: ids[name] });
  for (const n of [1, 2, 3]) await api.post('runs/delete', { run_id: ids[`kept-${n}`] });
  await t.test('looks', () => look(browser, `${server.url}/trash`, 'trash', { ready: 'tbody tr' }));
  await t.test('looks, with the question', () => look(browser, `${server.url}/trash?confirm=items&item=experiment:${ids['old-attempts']}&item=run:${ids['kept-3']}`, 'trash-confirm', { ready: 'dialog#confirm:modal' }));
  await t.test('looks, with the question about all', () => look(browser, `${server.url}/trash?confirm=all`, 'trash-confirm-all', { ready: 'dialog#confirm:modal' }));
  const tab = await open(browser);
  const { page } = tab;
  const row = (name) => page.locator('tbody tr', { has: page.getByText(name, { exact: true }) });
  await t.test('all of the page are ticked at once', async () => {
    await page.goto(`${server.url}/trash`);
    const all = page.getByLabel('Select all on this page');
    const ticked = () => page.locator('tbody input:checked').count();
    const rows = await page.locator('tbody tr').count();
    await all.check();
    assert.equal(await ticked(), rows);
    assert.equal(await page.locator('tr.is-selected').count(), rows);
    await axe(page, 'all ticked');
    await row('scorer').getByRole('checkbox').uncheck();
    assert.deepEqual(await all.evaluate((e) => [e.checked, e.indeterminate]), [false, true]);
    await all.check();
    await all.uncheck();
    assert.equal(await ticked(), 0);
    assert.equal(await all.evaluate((e) => e.indeterminate), false);
    await page.getByRole('link', { name: /^Runs/ }).click();
    await page.waitForURL('**kind=run');
    await all.check();
    assert.equal(await ticked(), 3, 'only what is shown');
    await all.uncheck();
  });
  await t.test('several are restored at once', async () => {
    await page.goto(`${server.url}/trash`);
    await row('scorer').getByRole('checkbox').check();
    await row('kept-1').getByRole('checkbox').check();
    await page.getByRole('button', { name: 'Restore' }).click();
    await page.locator('.banner[role=status]', { hasText: '2 things restored.' }).waitFor();
    assert.equal(await row('scorer').count(), 0);
  });
  await t.test('a run goes for good after one question', async () => {
    await row('kept-2').getByRole('link', { name: 'Delete for good' }).click();
    await page.waitForSelector('dialog#confirm:modal');
    await page.getByRole('link', { name: 'Cancel' }).click();
    await page.waitForURL('**/trash');
    await row('kept-2').getByRole('link', { name: 'Delete for good' }).click();
    await page.locator('dialog').getByRole('button', { name: 'Delete for good' }).click();
    await page.locator('.banner[role=status]', { hasText: '1 thing is being deleted for good.' }).waitFor();
    await row('kept-2').waitFor({ state: 'detached' });
    await page.waitForSelector('#trash-purging', { state: 'detached' });
    tab.expect(404);
    assert.equal((await page.goto(`${server.url}/runs/${ids['kept-2']}`)).status(), 404);
    tab.expect();
  });
  await t.test('an experiment wants the word, and then its name is free', async () => {
    await assert.rejects(api.experiment('old-attempts'), /400/, 'the name is taken while in the trash');
    await page.goto(`${server.url}/trash`);
    await row('old-attempts').getByRole('checkbox').check();
    await page.getByRole('button', { name: 'Delete for good' }).click();
    await page.waitForSelector('dialog#confirm:modal');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'word');
    await page.keyboard.type('no');
    tab.expect(400);
    await page.keyboard.press('Enter');
    await page.locator('#word-error', { hasText: 'Type delete to confirm' }).waitFor();
    tab.expect();
    await page.fill('#word', 'delete');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/trash');
    await until(() => api.experiment('old-attempts').then(() => true, () => false), 'the name is free');
  });
  await t.test('all of it, by the menu of the keyboard', async () => {
    await page.goto(`${server.url}/account`);
    await page.keyboard.press('Control+k');
    await page.keyboard.type('>trash');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/trash');
    await page.getByRole('link', { name: 'Empty trash' }).click();
    await page.fill('#word', 'delete');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/trash');
    await page.locator('.empty', { hasText: 'Nothing here' }).waitFor();
  });
  tab.clean('trash');
  await tab.close();
});

test('without JavaScript', async () => {
  await api.post('experiments/delete', { experiment_id: ids.half });
  const tab = await open(browser, { javaScriptEnabled: false });
  const { page } = tab;
  await page.goto(`${server.url}/trash`);
  await page.getByRole('link', { name: 'Delete for good' }).click();
  await page.fill('#word', 'delete');
  await page.locator('dialog').getByRole('button', { name: 'Delete for good' }).click();
  await page.locator('.banner[role=status]', { hasText: 'being deleted for good' }).first().waitFor();
  await until(() => api.experiment('half').then(() => true, () => false), 'the name is free');
  tab.clean('without JavaScript');
  await tab.close();
});
