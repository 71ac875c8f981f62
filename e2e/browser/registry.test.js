// Registered models: register from a page, versions as facts, aliases with a history that can be undone, the trash.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { axe, launch, look, open } from './lib/browser.js';
import { client } from './lib/seed.js';
import { startServer } from './lib/server.js';

let server, browser, api, tab, page;
const hostile = '"><img src=x onerror=window.hit=1><script>window.hit=1<∕script>'; // a name has no slash
const note = '# Owners\n\n<script>window.hit=1</script><img src=x onerror=window.hit=1> [x](javascript:window.hit=1)';
const made = [];

const MLmodel = `artifact_path: clf
flavors:
  python_function: {loader_module: mlflow.sklearn}
  sklearn: {pickled_model: model.pkl}
saved_input_example_info: {artifact_path: input_example.json, type: dataframe}
signature:
  inputs: '[{"type": "double", "name": "amount", "required": true}, {"type": "string", "name": "country", "required": false}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 2]}}]'
  params: '[{"name": "threshold", "type": "double", "default": 0.5, "shape": null}]'
`;

before(async () => {
  [server, browser] = await Promise.all([startServer(), launch()]);
  api = client(server.url);
  const experiment = await api.experiment('tuning');
  for (const n of [1, 2, 3]) {
    const run = await api.run(experiment, `xgb-${n}`, {
      params: { depth: 4 + n }, tags: { 'mlflow.source.name': 'train.py', 'mlflow.source.git.commit': `${n}9f3c1ab2d4e5f60718293a4b5c6d7e8f90a1b2c`, 'mlflow.source.git.repoURL': 'https://github.com/example/fraud' },
      metrics: [{ key: 'val_auc', value: 0.9 + n / 100, step: 0, timestamp: Date.now() }, { key: 'log_loss', value: 0.5 - n / 10, step: 0, timestamp: Date.now() }],
    });
    await api.post('runs/log-inputs', { run_id: run.id, datasets: [{ tags: [{ key: 'mlflow.data.context', value: 'train' }], dataset: { name: 'transactions', digest: `00cf16c${n}`, source_type: 'code', source: '{}' } }] });
    const model = await api.model(experiment, `clf-${n}`, run.id);
    await api.file(model, 'MLmodel', MLmodel);
    await api.file(model, 'input_example.json', '{"columns": ["amount", "country"], "data": [[12.5, "IT"]]}');
    await api.file(model, 'model.pkl', Buffer.from(`\x80\x04K${String.fromCharCode(n)}.`, 'latin1'));
    await api.ready(model.id);
    await api.post('runs/outputs', { run_id: run.id, models: [{ model_id: model.id, step: 0 }] });
    made.push({ run: run.id, model: model.id });
  }
  tab = await open(browser);
  page = tab.page;
});
after(async () => { await browser?.close(); await server?.stop(); });

const go = (path) => page.goto(server.url + path);
const version = (name, source, run) => api.post('model-versions/create', { name, source, run_id: run });

test('an empty registry says how to begin', async () => {
  await look(browser, `${server.url}/models`, 'registry-empty', { ready: '.empty' });
});

test('a run becomes a version in a few clicks', async () => {
  await go(`/runs/${made[0].run}?tab=models`);
  await page.getByRole('link', { name: /Register model/ }).click();
  await axe(page, 'the form to register');
  await page.getByLabel('Model', { exact: true }).fill('no/slash');
  tab.expect(400);
  await page.getByRole('button', { name: 'Register model' }).click();
  await page.getByText('cannot contain a slash').waitFor();
  await axe(page, 'a refused name');
  await page.getByLabel('Model', { exact: true }).fill('fraud-scorer');
  await page.getByRole('button', { name: 'Register model' }).click();
  await page.waitForURL('**/models/fraud-scorer/versions/1');
  await page.getByText('Registered as fraud-scorer, version 1').waitFor();
  assert.deepEqual(await page.locator('.lin b').allInnerTexts(), ['transactions', '19f3c1ab', 'xgb-1', 'clf-1', 'fraud-scorer v1']);
  await go(`/logged-models/${made[0].model}`);
  await page.getByRole('link', { name: 'fraud-scorer v1' }).waitFor();
});

test('from a version to its run, its data and its code in three clicks at most', async () => {
  await version('fraud-scorer', `models:/${made[1].model}`, made[1].run);
  await version('fraud-scorer', `models:/${made[2].model}`, made[2].run);
  await go('/models/fraud-scorer/versions/2');
  assert.equal(await page.locator('.lin a', { hasText: '29f3c1ab' }).getAttribute('href'), 'https://github.com/example/fraud/commit/29f3c1ab2d4e5f60718293a4b5c6d7e8f90a1b2c', 'the code is one click away');
  await page.locator('.lin a', { hasText: 'xgb-2' }).click();
  await page.waitForURL(`**/runs/${made[1].run}`);
  await go('/models/fraud-scorer/versions/2');
  await page.locator('.lin a', { hasText: 'transactions' }).click();
  await page.waitForURL(`**/runs/${made[1].run}?tab=lineage`);
  await page.getByText('transactions').first().waitFor();
});

test('a version shows what it is', async () => {
  await api.post('registered-models/alias', { name: 'fraud-scorer', alias: 'champion', version: '2' });
  await api.post('registered-models/alias', { name: 'fraud-scorer', alias: 'champion', version: '3' });
  await api.post('registered-models/alias', { name: 'fraud-scorer', alias: 'challenger', version: '3' });
  await look(browser, `${server.url}/models/fraud-scorer/versions/3`, 'registry-version', { ready: '.lin' });
  await look(browser, `${server.url}/models/fraud-scorer/versions/3?tab=files`, 'registry-files', { ready: 'table' });
  await look(browser, `${server.url}/models/fraud-scorer`, 'registry-model', { ready: 'table' });
  await look(browser, `${server.url}/models/fraud-scorer/history`, 'registry-history', { ready: '.tl' });
  await look(browser, `${server.url}/models`, 'registry-list', { ready: 'table' });
  await look(browser, `${server.url}/models/fraud-scorer`, 'registry-aliases', { ready: 'table', act: (p) => p.click('[commandfor=edit-aliases]') });
  await look(browser, `${server.url}/models/fraud-scorer/versions/3`, 'registry-revoke', { ready: '.lin', act: async (p) => { await p.click('[popovertarget=version-menu]'); await p.click('[commandfor=revoke]'); } });
  await go('/models/fraud-scorer/versions/3');
  const cells = await page.locator('#metrics tbody tr', { hasText: 'log_loss' }).locator('td').allInnerTexts();
  assert.deepEqual(cells.slice(1).map((c) => c.trim()), ['0.2', '0.3', '0.1'], 'beside the version before');
  assert.equal(await page.locator('#metrics .delta--better').count(), 2, 'higher is better for one, lower for the other');
  assert.match(await page.locator('#example').innerText(), /12\.5/);
  assert.match(await page.locator('section', { has: page.locator('#signature-title') }).innerText(), /tensor float64 \[-1, 2\]/);
});

test('who moved this alias is two clicks away, and is undone with one', async () => {
  await go('/models/fraud-scorer');
  await page.getByRole('link', { name: 'History of the alias champion' }).click();
  await page.waitForURL('**/history?alias=champion');
  assert.match(await page.locator('.tl li').first().innerText(), /moved @champion from v2 to v3/);
  await page.locator('.tl li').first().getByRole('button', { name: /Undo/ }).click();
  await page.waitForURL('**/models/fraud-scorer');
  const { model_version: now } = await api.get('/api/2.0/mlflow/registered-models/alias?name=fraud-scorer&alias=champion');
  assert.equal(now.version, '2');
  await page.locator('.tl li', { hasText: '(undo)' }).waitFor();
  await page.click('[commandfor=edit-aliases]');
  await page.getByLabel('Alias', { exact: true }).fill('v7');
  await page.locator('#alias-version').fill('1');
  tab.expect(400);
  await page.getByRole('button', { name: 'Save' }).last().click();
  await page.getByText('looks like a version number').waitFor();
  await page.getByLabel('Alias', { exact: true }).fill('rollback');
  await page.keyboard.press('Enter');
  await page.waitForURL('**/models/fraud-scorer');
  await page.locator('.alias', { hasText: '@rollback' }).first().waitFor();
});

test('a revoked version says so everywhere and takes no alias', async () => {
  await go('/models/fraud-scorer/versions/1');
  await page.click('[popovertarget=version-menu]');
  await page.click('[commandfor=revoke]');
  await page.getByLabel('Reason').fill('Trained on leaked labels');
  await page.getByRole('button', { name: 'Revoke' }).last().click();
  await page.getByText('Trained on leaked labels').waitFor();
  await axe(page, 'a revoked version');
  await go('/models/fraud-scorer');
  await page.locator('tr', { hasText: 'v1' }).getByText('Revoked').waitFor();
  await page.click('[commandfor=edit-aliases]');
  await page.getByLabel('Alias', { exact: true }).fill('challenger');
  await page.locator('#alias-version').fill('1');
  tab.expect(400);
  await page.keyboard.press('Enter');
  await page.getByText('has been revoked').waitFor();
});

test('what is deleted comes back, and a name is free meanwhile', async () => {
  await go('/models/fraud-scorer/versions/3');
  await page.click('[popovertarget=version-menu]');
  await page.getByRole('button', { name: 'Move version to the trash' }).click();
  await page.waitForURL('**/models/fraud-scorer');
  await page.locator('.toast').getByRole('button', { name: 'Undo' }).click();
  await page.waitForURL('**/models/fraud-scorer/versions/3');
  await page.getByText('Restored.').waitFor();
  await go('/models/fraud-scorer');
  await page.click('[popovertarget=model-menu]');
  await page.getByRole('button', { name: 'Move to the trash' }).click();
  await page.waitForURL('**/models');
  await api.post('registered-models/create', { name: 'fraud-scorer' });
  await go('/trash?kind=registered');
  tab.expect(400, 409);
  await page.getByRole('checkbox', { name: /fraud-scorer/ }).check();
  await page.getByRole('button', { name: 'Restore' }).click();
  await page.getByText('another model has its name now').waitFor();
  await api.post('registered-models/rename', { name: 'fraud-scorer', new_name: 'fraud-scorer-2' });
  await go('/trash?kind=registered');
  await page.getByRole('checkbox', { name: /fraud-scorer/ }).check();
  await page.getByRole('button', { name: 'Restore' }).click();
  await page.waitForURL('**/trash**');
  await go('/models/fraud-scorer/versions/3');
  await page.locator('.lin').waitFor();
});

test('names and notes that want to be code are text', async () => {
  await api.post('registered-models/create', { name: hostile, description: note, tags: [{ key: hostile, value: hostile }] });
  await version(hostile, `models:/${made[0].model}`, made[0].run);
  await api.post('model-versions/set-tag', { name: hostile, version: '1', key: hostile, value: hostile });
  const at = `/models/${encodeURIComponent(hostile)}`;
  for (const path of ['/models', at, `${at}/versions/1`, `${at}/versions/1?tab=files`, `${at}/history`, `/search?q=${encodeURIComponent('onerror')}`]) {
    await go(path);
    await page.locator('h1').waitFor();
    assert.equal(await page.evaluate(() => window.hit), undefined, path);
  }
  await go(`/#/models/${encodeURIComponent('fraud-scorer')}/versions/2`);
  await page.waitForURL('**/models/fraud-scorer/versions/2');
  assert.equal(tab.problems.filter((p) => !/answer: 4/.test(p)).join('\n'), '');
});

test('without JavaScript', async () => {
  const plain = await open(browser, { javaScriptEnabled: false });
  await plain.page.goto(`${server.url}/model-versions/new?source=models:/${made[1].model}`);
  await plain.page.fill('#name', 'plain');
  await plain.page.getByRole('button', { name: 'Register model' }).click();
  await plain.page.waitForURL('**/models/plain/versions/1');
  await plain.page.goto(`${server.url}/models/fraud-scorer/versions/3?with=1`);
  await plain.page.getByRole('columnheader', { name: 'v1' }).waitFor();
  await plain.close();
});
