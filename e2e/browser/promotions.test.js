// Promotions: from a version to what is live, with the people between; nobody decides about their own; rejected, rolled back.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { axe, launch, look, open } from './lib/browser.js';
import { client } from './lib/seed.js';
import { startServer } from './lib/server.js';
import { addUser, basic, createFirst, signIn } from './lib/sign.js';

let server, browser;
const tabs = {};
const hostile = '<script>window.hit=1</script><img src=x onerror=window.hit=1> [x](javascript:window.hit=1)';
const policy = {
  gates: [{ id: 'auc', kind: 'metric', metric: 'val_auc', op: '>=', limit: 0.91 }, { id: 'files', kind: 'scan', worst: 'notice' }],
  rules: [{ count: 1, from: { roles: ['reviewer', 'admin'] } }],
};

before(async () => {
  [server, browser] = await Promise.all([startServer(), launch()]);
  tabs.ada = await open(browser);
  await createFirst(tabs.ada.page, server.url);
  for (const [name, role] of [['noor', 'editor'], ['iris', 'reviewer'], ['marco', 'reviewer']]) {
    await addUser(tabs.ada.page.context(), server.url, name, role);
    tabs[name] = await open(browser);
    await signIn(tabs[name].page, server.url, name);
    await tabs[name].page.waitForURL('**/');
  }
  const api = client(server.url, basic('noor'));
  const experiment = await api.experiment('tuning');
  await api.post('registered-models/create', { name: 'fraud-scorer' });
  for (const n of [1, 2, 3]) {
    const run = await api.run(experiment, `xgb-${n}`, { params: { depth: 4 + n }, metrics: [{ key: 'val_auc', value: 0.9 + n / 100, step: 0, timestamp: Date.now() }] });
    const model = await api.model(experiment, `clf-${n}`, run.id);
    await api.file(model, 'MLmodel', 'flavors:\n  python_function: {loader_module: mlflow.sklearn}\n');
    await api.file(model, 'model.pkl', Buffer.from(`\x80\x04K${String.fromCharCode(n)}.`, 'latin1'));
    await api.ready(model.id);
    await api.post('model-versions/create', { name: 'fraud-scorer', source: `models:/${model.id}`, run_id: run.id });
  }
  for (const [path, form] of [['edit', { as: 'json', on: '1', policy: JSON.stringify(policy) }], ['protect', {}]]) {
    const answer = await tabs.ada.page.context().request.post(`${server.url}/environments/production/${path}`, { form, maxRedirects: 0 });
    assert.equal(answer.status(), 303, path);
  }
});
after(async () => { await browser?.close(); await server?.stop(); });

const go = (who, path) => tabs[who].page.goto(server.url + path);
const cookies = async (who) => ({ signedInAs: await tabs[who].page.context().storageState() });
const alias = async () => {
  const answer = await fetch(`${server.url}/api/2.0/mlflow/registered-models/alias?name=fraud-scorer&alias=production`, { headers: { authorization: basic('noor') } });
  return answer.ok ? (await answer.json()).model_version.version : '';
};
const button = (who, name) => tabs[who].page.getByRole('button', { name, exact: true });

test('empty pages say how to begin', async () => {
  await look(browser, `${server.url}/promotions`, 'promotions-empty', { ready: '.empty', ...await cookies('noor') });
  await look(browser, `${server.url}/slots`, 'slots-empty', { ready: '.empty', ...await cookies('noor') });
});

test('a request takes four clicks from home, an approval two, and only others can give it', async () => {
  const { page } = tabs.noor;
  await go('noor', '/');
  await page.getByRole('link', { name: 'Registry' }).click(); // 1
  await page.getByRole('link', { name: 'fraud-scorer' }).first().click(); // 2
  await page.getByRole('link', { name: 'Request promotion' }).click(); // 3
  await page.waitForURL('**/promotions/new?*');
  await axe(page, 'the form of a request');
  await page.selectOption('#version', '1');
  await page.fill('#reason', `**Fewer** false alarms. ${hostile}`);
  await page.getByRole('button', { name: 'Request promotion' }).click(); // 4
  await page.waitForURL('**/promotions/1');
  await page.getByText('This is your request: somebody else decides.').waitFor();
  // 0.91 is the limit, so it passes; the scan may still be under way.
  await tabs.iris.page.goto(server.url);
  for (let i = 0; i < 20 && !await tabs.iris.page.getByRole('heading', { name: 'Waiting for me' }).count(); i += 1) await tabs.iris.page.reload();
  await tabs.iris.page.getByRole('link', { name: 'PR-1' }).click(); // 1
  await button('iris', 'Approve').click(); // 2
  await tabs.iris.page.getByText('Your decision is recorded').waitFor();
  assert.equal(await alias(), '');
  await page.reload();
  await button('noor', 'Make it live').click();
  await page.getByText('It is live').waitFor();
  assert.equal(await alias(), '1');
  const own = await page.context().request.post(`${server.url}/promotions/1/decide`, { form: { decision: 'approve' } });
  assert.equal(own.status(), 403, 'a requester has no way to approve');
});

test('what is live shows the difference; one who rejects stops it; the last editor does not decide', async () => {
  await go('noor', '/promotions/new?model=fraud-scorer&version=2&to=production');
  await tabs.noor.page.fill('#reason', 'More trees');
  await button('noor', 'Request promotion').click();
  await tabs.noor.page.waitForURL('**/promotions/2');
  await go('iris', '/promotions/2');
  await tabs.iris.page.getByRole('row', { name: /val_auc/ }).getByText('0.01').waitFor();
  await tabs.iris.page.getByRole('row', { name: /depth/ }).waitFor();
  tabs.iris.expect(400);
  await button('iris', 'Reject').click();
  await tabs.iris.page.getByText('The comment is missing').waitFor();
  await axe(tabs.iris.page, 'a decision that was refused');
  await tabs.iris.page.fill('#comment', 'Too slow on Fridays');
  await button('iris', 'Reject').click();
  await tabs.iris.page.getByText('Your decision is recorded').waitFor();
  await go('noor', '/promotions/2');
  await tabs.noor.page.getByText('A reviewer rejected it').waitFor();
  assert.equal(await button('noor', 'Make it live').count(), 0);
  await go('ada', '/promotions/2'); // an administrator edits, and may not approve then
  await button('ada', 'Edit').click();
  await tabs.ada.page.fill('#edit-reason', 'More trees, faster');
  await button('ada', 'Save').click();
  await tabs.ada.page.getByText('You edited it last: somebody else decides.').waitFor();
  await look(browser, `${server.url}/promotions/2`, 'promotion', { ready: '.gate', ...await cookies('iris') });
  await go('marco', '/promotions/2');
  await button('marco', 'Approve').click();
  await tabs.marco.page.getByText('Your decision is recorded').waitFor();
  await go('noor', '/promotions/2');
  await button('noor', 'Make it live').click();
  await tabs.noor.page.getByText('It is live').waitFor();
  assert.equal(await alias(), '2');
});

test('one click back, and what was live when', async () => {
  const { page } = tabs.ada;
  await go('ada', '/slots');
  await look(browser, `${server.url}/slots`, 'slots', { ready: '.tbl', ...await cookies('ada') });
  await page.getByRole('button', { name: /Roll back/ }).click();
  await axe(page, 'the dialog of a rollback');
  await page.getByRole('dialog').getByLabel('Reason').fill('Errors since noon');
  await page.getByRole('dialog').getByRole('button', { name: 'Roll back' }).click();
  await page.getByText('Version 1 is live again in production').waitFor();
  assert.equal(await alias(), '1');
  await page.getByText('rolled back by ada').waitFor();
  await page.goto(`${server.url}/slots?at=2020-01-01T00:00`);
  await page.getByText('The versions that were live at').waitFor();
  assert.equal(await page.getByRole('link', { name: 'v1' }).count(), 0);
  await look(browser, `${server.url}/promotions?tab=all`, 'promotions', { ready: '.tbl', ...await cookies('iris') });
});

test('a model and its versions say what is live where, and what is asked', async () => {
  const { page } = tabs.noor;
  await go('noor', '/promotions/new?model=fraud-scorer&version=3&to=production');
  await page.fill('#reason', 'Even more trees');
  await button('noor', 'Request promotion').click();
  await page.waitForURL('**/promotions/3');
  await go('noor', '/models/fraud-scorer');
  const live = page.locator('section[aria-labelledby=live-title]');
  assert.match(await live.innerText(), /production\s+v1\s+.*\s+rolled back by ada/);
  const asked = page.locator('section[aria-labelledby=promotions-title] tbody tr');
  assert.deepEqual(await asked.locator('th').allInnerTexts(), ['PR-3', 'PR-2', 'PR-1'], 'what is open comes first');
  await look(browser, `${server.url}/models/fraud-scorer`, 'model-promotions', { ready: '#live-title', ...await cookies('noor') });
  await asked.filter({ hasText: 'PR-2' }).filter({ hasText: 'marco' }).waitFor();
  await go('noor', '/models/fraud-scorer/versions/2');
  assert.match(await live.innerText(), /production\s+v2\s+ended .*\s+promoted by noor\s+PR-2/);
  assert.equal(await asked.count(), 1);
  assert.equal(await page.locator('.lin').getByText('production').count(), 0, 'it is not live any more');
  await go('noor', '/models/fraud-scorer/versions/3');
  await live.getByText('This version has never been live.').waitFor();
  await go('noor', '/models/fraud-scorer/versions/1');
  await page.locator('.lin').getByRole('link', { name: /production/ }).waitFor();
  await look(browser, `${server.url}/models/fraud-scorer/versions/1`, 'version-promotions', { ready: '#live-title', ...await cookies('noor') });
});

test('what is live keeps its name, and the refusal leads on', async () => {
  const { page } = tabs.ada;
  tabs.ada.expect(400, 403);
  await go('ada', '/models/fraud-scorer');
  await page.getByRole('button', { name: 'Actions for fraud-scorer' }).click();
  await page.getByLabel('New name').fill('other');
  await page.getByRole('button', { name: 'Rename' }).click();
  await page.getByRole('alert').getByRole('link', { name: '/slots' }).waitFor();
  await axe(page, 'a name that stays');
  await go('ada', '/models/fraud-scorer');
  await page.getByRole('button', { name: 'Actions for fraud-scorer' }).click();
  await page.getByRole('button', { name: 'Move to the trash' }).click();
  await axe(page, 'a model that stays');
  await page.getByRole('alert').getByRole('link', { name: '/slots' }).click();
  await page.getByRole('heading', { name: 'What is live' }).waitFor();
  await go('ada', '/models/fraud-scorer');
  await button('ada', 'Edit aliases').click();
  await page.fill('#alias-name', 'production');
  await page.fill('#alias-version', '3');
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
  await page.locator('#alias-name-error').getByRole('link', { name: /promotions.new/ }).click();
  await page.waitForURL('**/promotions/new?*');
  assert.equal(await page.inputValue('#version'), '3');
  tabs.ada.expect();
});

test('a name after @ is offered, marks its bearer and reaches them until they have looked', async () => {
  const { page } = tabs.noor;
  await go('noor', '/promotions/1');
  const body = page.locator('#body');
  const options = page.getByRole('option');
  await body.click();
  await page.keyboard.type('ada@example.org `@ada` @nobody and @');
  await options.first().waitFor();
  assert.deepEqual(await options.allInnerTexts(), ['@ada', '@iris', '@marco', '@noor']);
  await page.keyboard.type('ir');
  assert.deepEqual(await options.allInnerTexts(), ['@iris']);
  await axe(page, 'names are offered');
  await page.keyboard.press('ArrowDown');
  assert.equal(await body.getAttribute('aria-activedescendant'), await options.first().getAttribute('id'));
  await page.keyboard.press('Enter');
  await page.keyboard.type('look, please');
  assert.equal(await body.inputValue(), 'ada@example.org `@ada` @nobody and @iris look, please');
  await page.keyboard.type(' @ma');
  await options.first().waitFor();
  await page.keyboard.press('Escape');
  assert.equal(await options.count(), 0, 'the list is gone and the text stays');
  await button('noor', 'Comment').click();
  await page.locator('.mention').waitFor();
  assert.deepEqual(await page.locator('.mention').allInnerTexts(), ['@iris'], 'only people of the workspace are marked');
  await go('ada', '/promotions?tab=waiting');
  assert.equal(await tabs.ada.page.getByText('mentioned you').count(), 0);
  await go('iris', '/promotions?tab=waiting');
  await tabs.iris.page.getByRole('row', { name: /PR-1.*mentioned you/ }).waitFor();
  await go('iris', '/');
  await tabs.iris.page.getByText('mentioned you').waitFor();
  await look(browser, `${server.url}/promotions?tab=waiting`, 'promotions-mentioned', { ready: '.tbl', ...await cookies('iris') });
  await look(browser, `${server.url}/promotions/1`, 'promotion-mention', { ready: '.mention', ...await cookies('noor') });
  await go('iris', '/promotions/1');
  await go('iris', '/promotions?tab=waiting');
  assert.equal(await tabs.iris.page.getByText('mentioned you').count(), 0, 'who has looked is not called any more');
});

test('nothing that people wrote runs', async () => {
  for (const who of Object.keys(tabs)) {
    await go(who, '/promotions/1');
    assert.equal(await tabs[who].page.evaluate(() => window.hit), undefined);
    tabs[who].clean(who);
  }
});
