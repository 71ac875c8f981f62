// The model card of a version: written in a form, told how complete it is, exported and taken in again.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { axe, launch, look, open } from './lib/browser.js';
import { client } from './lib/seed.js';
import { startServer } from './lib/server.js';

let server, browser, api, tab, page;
const hostile = '<script>window.hit=1</script><img src=x onerror=window.hit=1> [x](javascript:window.hit=1)';
const card = '/models/fraud-scorer/versions/1?tab=card';

before(async () => {
  [server, browser] = await Promise.all([startServer(), launch()]);
  api = client(server.url);
  const experiment = await api.experiment('tuning');
  const run = await api.run(experiment, 'xgb', { params: { depth: 4 }, metrics: [{ key: 'val_auc', value: 0.94, step: 0, timestamp: Date.now() }] });
  await api.post('runs/log-inputs', { run_id: run.id, datasets: [{ tags: [{ key: 'mlflow.data.context', value: 'train' }], dataset: { name: 'transactions', digest: '00cf16c', source_type: 'code', source: '{}' } }] });
  const model = await api.model(experiment, 'clf', run.id);
  await api.file(model, 'MLmodel', 'flavors:\n  sklearn: {}\nsignature:\n  inputs: \'[{"type": "double", "name": "amount"}]\'\n');
  await api.ready(model.id);
  await api.post('registered-models/create', { name: 'fraud-scorer' });
  for (const source of [1, 2]) await api.post('model-versions/create', { name: 'fraud-scorer', source: `models:/${model.id}`, run_id: run.id, description: `${source}` });
  tab = await open(browser);
  page = tab.page;
});
after(async () => { await browser?.close(); await server?.stop(); });

const go = (path) => page.goto(server.url + path);
const badge = (section) => page.locator(`#card-${section} .card__h .badge`).innerText();
const field = (name) => page.locator(`[name="${name}"]`);

test('a card is written, and what is wrong stays in the form', async () => {
  await go(card);
  await page.getByText('Nobody has written a card yet').waitFor();
  assert.equal(await badge('data'), 'Not required');
  assert.match(await page.locator('#card-performance').innerText(), /val_auc[\s\S]*0\.94[\s\S]*Measured/);
  await page.getByRole('link', { name: 'Edit', exact: true }).click();
  await page.waitForURL('**/card/edit');
  await field('kind').selectOption('predictive');
  await field('owner').fill('Risk');
  await field('summary').fill(`Scores payments.\n\n${hostile}`);
  await field('intended_use').fill('Rank them.');
  await field('limitations').fill('Not for loans.');
  await field('licence.weights').fill('Nonsense 2');
  await field('metrics').fill('recall | 0.7 | EU | 0.6 0.8\nprecision | high');
  await field('risk_class').selectOption('minimal');
  tab.expect(400);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Line 2: Value: This is no number').waitFor();
  await page.getByText('This is no SPDX licence').waitFor();
  await axe(page, 'a refused card');
  assert.equal(await field('owner').inputValue(), 'Risk', 'what was typed is kept');
  await field('metrics').fill('recall | 0.7 | EU | 0.6 0.8');
  await field('licence.weights').fill('apache-2.0');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.waitForURL(`**${card}`);
  await page.getByText('Revision 1, saved by').waitFor();
  await page.getByText(/complete, (\d+) of \1 sections/).waitFor();
  assert.equal(await badge('data'), 'Filled', 'the data of the run counts');
  assert.match(await page.locator('#card-performance').innerText(), /recall[\s\S]*0\.6 0\.8[\s\S]*Declared/);
  await go('/models/fraud-scorer/versions/1');
  assert.match(await page.locator('section', { has: page.locator('#ready-title') }).innerText(), /Model card is complete/);
  await look(browser, server.url + card, 'card');
  await look(browser, `${server.url}/models/fraud-scorer/versions/1/card/edit`, 'card-edit');
});

test('the next version takes the card over until it has its own', async () => {
  await go('/models/fraud-scorer/versions/2?tab=card');
  await page.getByText('Taken over from v1').waitFor();
  const other = await open(browser, { javaScriptEnabled: false });
  for (const p of [page, other.page]) await p.goto(`${server.url}/models/fraud-scorer/versions/2/card/edit`);
  await other.page.fill('[name=owner]', 'Others');
  await other.page.getByRole('button', { name: 'Save' }).click();
  await other.page.getByText('Revision 1, saved by').waitFor();
  await other.close();
  tab.expect(400);
  await field('owner').fill('Mine');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Somebody else saved the card meanwhile').waitFor();
  assert.equal(await field('owner').inputValue(), 'Mine');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Revision 2, saved by').waitFor();
});

test('a README goes out and comes in again', async () => {
  await go(card);
  await page.getByText('Revision 1, saved by').waitFor();
  const before = await page.locator('#card-overview').innerText();
  const [readme] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'README.md' }).click()]);
  assert.equal(readme.suggestedFilename(), 'README.md');
  const [bom] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: /CycloneDX/ }).click()]);
  assert.equal(JSON.parse(await readFile(await bom.path(), 'utf8')).bomFormat, 'CycloneDX');
  await page.locator('summary', { hasText: 'Import' }).click();
  await axe(page, 'the form to import');
  tab.expect(400);
  await page.locator('#readme').fill('---\na: [\n---\n');
  await page.getByRole('button', { name: 'Import' }).click();
  await page.getByText('is not valid YAML').waitFor();
  await page.locator('#readme').fill('');
  await page.locator('#readme-file').setInputFiles({ name: 'README.md', mimeType: 'text/markdown', buffer: await readFile(await readme.path()) });
  await page.getByRole('button', { name: 'Import' }).click();
  await page.getByText('Revision 2, saved by').waitFor();
  assert.equal(await page.locator('#card-overview').innerText(), before);
  await page.locator('summary', { hasText: 'Import' }).click();
  await page.locator('#readme').fill('---\nlicense: mit\nunheard_of: 1\n---\n# A model\n');
  await page.getByRole('button', { name: 'Import' }).click();
  await page.getByText('unheard_of: a card has no place for this entry').waitFor();
  assert.equal(await page.evaluate(() => window.hit), undefined);
  assert.equal(tab.problems.filter((p) => !/answer: 4/.test(p)).join('\n'), '');
});
