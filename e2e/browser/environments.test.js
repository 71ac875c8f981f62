// Environments: what is live where, the rules of each as a form and as JSON, protection, teams, and rights besides the role.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { axe, launch, look, open, shot } from './lib/browser.js';
import { client } from './lib/seed.js';
import { startServer } from './lib/server.js';
import { addUser, createFirst, signIn } from './lib/sign.js';

let server, browser;
const hostile = '"><img src=x onerror=window.hit=1><script>window.hit=1</script>';
const policy = {
  gates: [
    { id: 'auc', kind: 'metric', metric: 'val_auc', dataset: 'holdout-2026', op: '>=', limit: 0.9, live_margin: 0.005 },
    { id: 'card', kind: 'card', licences: ['Apache-2.0', 'MIT'] },
    { id: 'files', kind: 'scan', worst: 'notice', ttl: 259_200_000 },
    { id: 'outside', kind: 'checks', checks: ['load test', hostile] },
    { id: 'tagged', kind: 'cel', expr: 'candidate.tags["owner"] != ""', message: 'Give it an owner' },
  ],
  rules: [{ name: 'four eyes', count: 2, from: { roles: ['reviewer', 'admin'] }, apart: ['trainer'] }],
  requires: ['staging'], soak: 86_400_000, ttl: 1_209_600_000, supersede: true, break_glass: true, debt_hours: 48, never_waived: ['files'],
  freezes: [
    { name: 'Turn of the year', from: '2026-12-20T00:00', until: '2027-01-07T00:00', zone: 'Europe/Rome' },
    { name: 'Always', start: '2026-01-01T00:00', rrule: 'FREQ=DAILY', long: 86_400_000, zone: 'UTC' },
  ],
};

before(async () => { [server, browser] = await Promise.all([startServer(), launch()]); });
after(async () => { await browser?.close(); await server?.stop(); });

// save sends a form from the server's own page.
async function save(path, form, status = 303) {
  const answer = await fetch(server.url + path, { method: 'POST', redirect: 'manual', body: new URLSearchParams(form), headers: { 'sec-fetch-site': 'same-origin' } });
  assert.equal(answer.status, status, path);
}

test('in local mode', async (t) => {
  await t.test('looks, with nothing live', () => look(browser, `${server.url}/environments/production`, 'environment-empty', { ready: '.empty' }));
  await t.test('teams, none', () => look(browser, `${server.url}/teams`, 'teams-empty', { ready: '.empty' }));
  const api = client(server.url);
  for (const name of ['scorer', 'a-model-with-a-name-that-is-longer-than-a-telephone-is-wide-and-more', hostile.replace(/\//g, '∕')]) {
    await api.post('registered-models/create', { name });
    await api.post('model-versions/create', { name, source: 's3://bucket/model' });
    await api.post('registered-models/alias', { name, alias: 'production', version: '1' });
  }
  await save('/environments/production/edit', { as: 'json', on: '1', policy: JSON.stringify(policy) });
  await save('/environments/staging/edit', { as: 'json', on: '1', policy: JSON.stringify({ gates: [policy.gates[0]] }) });
  await save('/environments/staging/protect', {});
  await save('/teams', { name: 'Model risk' });
  await save('/teams', { name: hostile });
  await t.test('looks', () => look(browser, `${server.url}/environments`, 'environments', { ready: 'dl.kv' }));
  await t.test('looks, one', () => look(browser, `${server.url}/environments/production`, 'environment', { ready: 'tbody tr', act: (page) => page.locator('#change summary').click() }));
  await t.test('looks, protected', () => look(browser, `${server.url}/environments/staging`, 'environment-protected', { ready: '#command' }));
  await t.test('looks, the form of a request', () => look(browser, `${server.url}/environments/staging/edit`, 'environment-request', { ready: '#reason' }));
  await t.test('looks, lifting protection', () => look(browser, `${server.url}/environments/staging`, 'environment-lift', { act: (page) => page.locator('[commandfor=lift]').first().click(), ready: '#lift[open]' }));
  await t.test('looks, the dialog', () => look(browser, `${server.url}/environments/production`, 'environment-protect', { act: (page) => page.locator('[commandfor=protect]').first().click(), ready: '#protect[open]' }));
  await t.test('looks, the form', () => look(browser, `${server.url}/environments/production/edit`, 'environment-edit', { ready: 'fieldset' }));
  await t.test('looks, the form with rows to be filled', () => look(browser, `${server.url}/environments/test/edit`, 'environment-edit-empty', { ready: 'fieldset', act: (page) => page.evaluate(() => { for (const d of document.querySelectorAll('main details')) d.open = true; }) }));
  await t.test('looks, as JSON', () => look(browser, `${server.url}/environments/production/edit?as=json`, 'environment-json', { ready: '#policy' }));
  await t.test('looks, teams', () => look(browser, `${server.url}/teams`, 'teams', { ready: '.card' }));
});

test('an administrator', async (t) => {
  const tab = await open(browser);
  const { page } = tab;
  await createFirst(page, server.url);
  await addUser(tab.context, server.url, 'rita', 'reviewer');
  await addUser(tab.context, server.url, 'vic', 'viewer');
  await t.test('goes there by keys', async () => {
    await page.goto(`${server.url}/`);
    await page.keyboard.press('g');
    await page.keyboard.press('i');
    await page.waitForURL('**/environments');
  });
  await t.test('makes an environment', async () => {
    await page.getByLabel('Name').fill('canary');
    await page.getByRole('button', { name: 'Create environment' }).click();
    await page.waitForURL('**/environments/canary');
    await page.getByText('Asks for nothing').waitFor();
  });
  await t.test('writes rules in fields', async () => {
    await page.getByRole('link', { name: 'Edit rules' }).click();
    await page.waitForURL('**/canary/edit');
    await page.getByText('Add a rule of approval').first().click();
    const rule = page.getByRole('group', { name: 'Rule of approval 1' });
    await rule.getByLabel('How many people').fill('two');
    await rule.getByLabel('Reviewer').check();
    await page.getByText('Add a metric gate').first().click();
    await page.getByRole('group', { name: 'Metric gate 1' }).getByLabel('Metric', { exact: true }).fill('auc');
    await page.getByRole('group', { name: 'Metric gate 1' }).getByLabel('Limit').fill('0,9');
    tab.expect(400);
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('alert').getByRole('link', { name: 'two is no whole number.' }).waitFor();
    tab.expect();
    assert.equal(await page.getByRole('group', { name: 'Metric gate 1' }).getByLabel('Limit').inputValue(), '0,9');
    await rule.getByLabel('How many people').fill('2');
    await page.getByText('Add a metric gate').nth(1).click();
    await page.getByRole('group', { name: 'Metric gate 2' }).getByLabel('Metric', { exact: true }).fill('recall');
    tab.expect(400);
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('alert').getByRole('link', { name: /compares recall with nothing/ }).click();
    const limit = page.getByRole('group', { name: 'Metric gate 2' }).getByLabel('Limit');
    assert.equal(await limit.getAttribute('aria-invalid'), 'true');
    await page.locator('[id="metric.1.limit-error"]', { hasText: 'compares recall with nothing' }).waitFor();
    await axe(page, 'a policy that cannot work');
    await shot(page, 'policy-refused');
    tab.expect();
    await page.getByRole('group', { name: 'Metric gate 2' }).getByLabel('Metric', { exact: true }).fill('');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.waitForURL('**/environments/canary?saved=1#change');
    await page.getByText('auc: at least 0.9').waitFor();
    await page.locator('.diff ins, .diff .add').first().waitFor();
  });
  await t.test('cannot protect what nobody could approve', async () => {
    await page.getByRole('button', { name: 'Protect', exact: true }).click();
    tab.expect(409);
    await page.locator('#protect').getByRole('button', { name: 'Protect', exact: true }).click();
    await page.locator('#protect [role=alert]', { hasText: 'asks for 2 approvals' }).waitFor();
    tab.expect();
    await addUser(tab.context, server.url, 'remy', 'reviewer');
    await page.goto(`${server.url}/environments/canary`);
    await page.getByRole('button', { name: 'Protect', exact: true }).click();
    await page.locator('#protect').getByRole('button', { name: 'Protect', exact: true }).click();
    await page.getByText('canary is protected now.').waitFor();
    await page.getByText('slipway env unprotect canary').waitFor();
    assert.equal(await page.getByRole('link', { name: 'Edit rules' }).count(), 0);
  });
  await t.test('requests other rules, which a reviewer approves', async () => {
    await page.getByRole('link', { name: 'Request a change of the rules' }).click();
    await page.waitForURL('**/canary/edit');
    await page.getByRole('group', { name: 'Rule of approval 1' }).getByLabel('How many people').fill('1');
    await page.getByLabel('Reason').fill('Two people are seldom here at once');
    await page.getByRole('button', { name: 'Request this change' }).click();
    await page.waitForURL('**/promotions/1');
    await page.getByRole('heading', { name: 'Rules of canary' }).waitFor();
    const row = page.getByRole('region', { name: 'What changes' }).getByRole('row', { name: 'Approvals' });
    assert.deepEqual(await row.getByRole('cell').allInnerTexts(), ['2 approvals from: Reviewer', '1 approval from: Reviewer']);
    assert.equal(await page.getByRole('button', { name: 'Approve' }).count(), 0);
    for (const who of ['rita', 'remy']) {
      const theirs = await open(browser);
      await signIn(theirs.page, server.url, who);
      await theirs.page.waitForURL('**/');
      await theirs.page.getByRole('link', { name: 'PR-1' }).click(); // 1
      await theirs.page.getByRole('button', { name: 'Approve' }).click(); // 2
      await theirs.page.getByText('Your decision is recorded').waitFor();
      theirs.clean(who);
      await theirs.close();
    }
    await look(browser, `${server.url}/promotions/1`, 'request-rules', { ready: '#differences-title', signedInAs: await tab.context.storageState() });
    await look(browser, `${server.url}/environments/canary`, 'environment-open-request', { ready: '#open-title', signedInAs: await tab.context.storageState() });
    await page.reload();
    await page.getByRole('button', { name: 'Put it in force' }).click();
    await page.getByText('It is in force', { exact: true }).waitFor();
    await page.goto(`${server.url}/environments/canary`);
    await page.getByText('1 approval from: Reviewer').waitFor();
    assert.equal(await page.locator('#change').getByRole('link', { name: 'PR-1' }).count(), 1);
    await look(browser, `${server.url}/environments/canary`, 'environment-history', { ready: '#change', act: (p) => p.locator('#change summary').first().click(), signedInAs: await tab.context.storageState() });
  });
  await t.test('fills a team', async () => {
    await page.goto(`${server.url}/teams`);
    const team = page.getByRole('region', { name: 'Model risk' });
    await team.getByLabel('Somebody for team Model risk').selectOption('rita');
    await team.getByRole('button', { name: 'Add' }).click();
    await team.getByText('1 member').waitFor();
    await team.getByRole('button', { name: 'Remove rita' }).click();
    await team.getByText('0 members').waitFor();
  });
  await t.test('requests members of a team that a protected environment counts on', async () => {
    const team = page.getByRole('region', { name: 'Model risk' });
    const id = (await team.locator('form[action$="/members"]').getAttribute('action')).split('/')[2];
    for (const [path, form] of [
      ['', { name: 'guarded' }],
      ['/guarded/edit', { as: 'json', on: '1', policy: JSON.stringify({ rules: [{ count: 1, from: { teams: [id], roles: ['reviewer'] } }] }) }],
      ['/guarded/protect', {}],
    ]) assert.equal((await tab.context.request.post(`${server.url}/environments${path}`, { form, maxRedirects: 0 })).status(), 303, path);
    await page.reload();
    await team.getByText('Request this change').click();
    await team.getByLabel('remy').check();
    await look(browser, `${server.url}/teams`, 'teams-request', { ready: '.card', act: (p) => p.locator('summary', { hasText: 'Model risk' }).click(), signedInAs: await tab.context.storageState() });
    await team.getByLabel('Reason').fill('remy knows the portfolio');
    await team.getByRole('button', { name: 'Request this', exact: true }).click();
    await page.waitForURL('**/promotions/2');
    await page.getByRole('heading', { name: 'Team Model risk' }).waitFor();
    await page.getByRole('region', { name: 'What changes' }).getByRole('cell', { name: 'remy' }).waitFor();
    await look(browser, page.url(), 'request-team', { ready: '#differences-title', signedInAs: await tab.context.storageState() });
  });
  await t.test('gives rights besides the role', async () => {
    await page.goto(`${server.url}/users`);
    const form = page.getByRole('form', { name: 'What rita may besides their role' });
    await form.getByLabel('Break-glass').check();
    await form.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved.').waitFor();
    assert.deepEqual([await form.getByLabel('Break-glass').isChecked(), await form.getByLabel('Operator').isChecked()], [true, false]);
  });
  tab.clean('an administrator');
  await tab.close();
});

test('without JavaScript', async () => {
  const { page, close, expect } = await open(browser, { javaScriptEnabled: false });
  await signIn(page, server.url, 'ada');
  await page.goto(`${server.url}/environments/dev/edit`);
  await page.getByText('Add a scan gate').click();
  await page.getByLabel('The worst that passes').selectOption('clean');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.waitForURL('**/environments/dev?saved=1#change');
  await page.getByText('The scan of the files found nothing').waitFor();
  await page.goto(`${server.url}/environments/dev/edit?as=json`);
  await page.getByLabel('Rules').fill('{"gate":1}');
  expect(400);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('alert').filter({ hasText: 'A policy has no field' }).waitFor();
  assert.equal(await page.getByLabel('Rules').inputValue(), '{"gate":1}');
  await close();
});

test('a viewer reads', async () => {
  const { page, close } = await open(browser);
  await signIn(page, server.url, 'vic');
  await page.waitForURL('**/');
  for (const path of ['/environments', '/environments/production', '/environments/canary', '/teams']) {
    await page.goto(server.url + path);
    assert.equal(await page.locator('main form, main dialog').count(), 0, path);
  }
  await close();
});
