// Coming in, going out, and who may do what.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch, open } from './lib/browser.js';
import { client, team } from './lib/seed.js';
import { startServer } from './lib/server.js';
import { basic, createFirst, fillNew, password, signIn } from './lib/sign.js';

let browser;
before(async () => { browser = await launch(); });
after(() => browser?.close());

const asks = (url, authorization) => fetch(`${url}/api/2.0/mlflow/experiments/search`, {
  method: 'POST', body: '{"max_results":5}', headers: { 'content-type': 'application/json', ...(authorization ? { authorization } : {}) },
}).then((r) => r.status);
const text = (page) => page.locator('main').innerText();
const flash = (page, words) => page.locator('.banner[role=status], .toast[role=status]', { hasText: words }).waitFor();

describe('a server of one’s own', () => {
  let server, tab, page;
  const secret = 'twelve blue paper boats';
  before(async () => { server = await startServer(); tab = await open(browser); page = tab.page; });
  after(async () => { await tab?.close(); await server?.stop(); });

  test('local mode says so, and the first account ends it', async () => {
    await page.goto(`${server.url}/experiments`);
    assert.match(await text(page), /No account yet: everyone who can reach this address is administrator/);
    assert.equal(await asks(server.url), 200);
    assert.equal(await page.getByRole('heading', { name: 'Log your first run' }).count(), 1);
    const api = client(server.url);
    await api.post('experiments/delete', { experiment_id: await api.experiment('to the trash') });
    await page.reload();
    await page.getByRole('link', { name: 'Deleted' }).click();
    await page.getByRole('rowheader', { name: 'to the trash' }).waitFor();
    await page.getByRole('link', { name: 'Create the first account' }).click();
    await page.waitForURL('**/setup');
    await fillNew(page, 'ada');
    await page.fill('#password_again', `${password}!`);
    tab.expect(400);
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.locator('#password_again-error', { hasText: 'The two passwords differ.' }).waitFor();
    assert.equal(await page.inputValue('#name'), 'ada', 'what was typed stays');
    assert.equal(await asks(server.url), 200, 'a refused form changes nothing');
    await fillNew(page, 'ada');
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.waitForURL('**/');
    await flash(page, 'The first account exists');
    assert.doesNotMatch(await text(page), /No account yet/);
    await page.reload();
    assert.equal(await page.locator('.banner').count(), 0, 'a flash is shown once');
    assert.equal(await asks(server.url), 401);
    assert.equal(await asks(server.url, basic('ada')), 200);
    await page.goto(`${server.url}/setup`);
    assert.equal(new URL(page.url()).pathname, '/', 'the set-up is over');
    tab.clean('first account');
  });

  test('signing out and in', async () => {
    await page.click('button[popovertarget=user-menu]');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.waitForURL('**/sign-in');
    await page.goto(`${server.url}/account?from=a%20link`);
    await page.waitForURL('**/sign-in?next=*');
    tab.expect(401);
    await page.fill('#name', 'ada');
    await page.fill('#password', 'not the password');
    await page.click('main form button');
    await page.locator('[role=alert]', { hasText: 'not correct. Tries left: 4.' }).waitFor();
    assert.equal(await page.inputValue('#name'), 'ada');
    assert.equal(await page.inputValue('#password'), '', 'a password is not sent back');
    await page.fill('#password', password);
    await page.click('main form button');
    await page.waitForURL(`${server.url}/account?from=a%20link`);
    await page.goto(`${server.url}/sign-in?next=//example.org/`);
    assert.equal(page.url(), `${server.url}/`, 'nobody is sent to another site');
    tab.clean('sign-in');
  });

  test('a token is shown once, does what its scopes say, and ends', async () => {
    await page.goto(`${server.url}/account`);
    await page.fill('#token-name', 'nightly');
    for (const box of ['read', 'write']) await page.uncheck(`input[name=scope][value=${box}]`);
    tab.expect(400);
    await page.getByRole('button', { name: 'Create token' }).click();
    await page.locator('#scope-error', { hasText: 'at least one scope' }).waitFor();
    tab.expect();
    assert.equal(await page.inputValue('#token-name'), 'nightly');
    for (const box of await page.locator('input[name=scope]').all()) await box.uncheck();
    await page.check('input[name=scope][value=read]');
    await page.getByRole('button', { name: 'Create token' }).click();
    const token = await page.locator('#new-token').innerText();
    assert.match(token, /^slw_\w{40,}$/);
    assert.match(await page.locator('#new-token-snippet').innerText(), new RegExp(`MLFLOW_TRACKING_URI=${server.url}\n.*MLFLOW_TRACKING_TOKEN=${token}`));
    assert.equal(await asks(server.url, `Bearer ${token}`), 200);
    await assert.rejects(client(server.url, `Bearer ${token}`).experiment('by a reader'), / 403 /);
    await page.goto(`${server.url}/account`);
    assert.ok(!(await page.content()).includes(token), 'the secret is not shown again');
    await page.getByRole('button', { name: 'Revoke nightly' }).click();
    await flash(page, 'Token revoked.');
    assert.equal(await asks(server.url, `Bearer ${token}`), 401);
    assert.equal(await page.getByRole('button', { name: 'Revoke nightly' }).count(), 0);
    tab.clean('token');
  });

  test('a new password ends the other sessions', async () => {
    const other = await open(browser);
    await signIn(other.page, server.url, 'ada');
    await other.page.waitForURL('**/');
    await page.goto(`${server.url}/account`);
    const change = async (current, next) => {
      await page.fill('#current', current);
      await page.fill('#password', next);
      await page.fill('#password_again', next);
      await page.getByRole('button', { name: 'Change password' }).click();
    };
    tab.expect(400);
    await change('not the password', secret);
    await page.locator('#current-error', { hasText: 'not correct' }).waitFor();
    tab.expect();
    await change(password, secret);
    await flash(page, 'Password changed.');
    await other.page.goto(`${server.url}/account`);
    assert.match(other.page.url(), /\/sign-in/, 'the other browser is out');
    other.expect(401);
    await signIn(other.page, server.url, 'ada');
    await other.page.locator('[role=alert]', { hasText: 'not correct' }).waitFor();
    await signIn(other.page, server.url, 'ada', secret);
    await other.page.waitForURL('**/');
    tab.clean('password');
    other.clean('password, other browser');
    await other.close();
  });

  test('users: made, given a role, shut out, let in', async () => {
    await page.goto(`${server.url}/users`);
    const create = async () => {
      await page.fill('#name', 'vic');
      await page.selectOption('#role', 'viewer');
      await page.fill('#password', password);
      await page.getByRole('button', { name: 'Create user' }).click();
    };
    await create();
    await flash(page, 'User vic created.');
    tab.expect(400, 409);
    await create();
    await page.locator('#name-error', { hasText: 'A user named "vic" exists already.' }).waitFor();
    tab.expect();
    const row = page.locator('tr', { has: page.getByRole('rowheader', { name: 'vic' }) });
    const vic = await open(browser);
    await signIn(vic.page, server.url, 'vic');
    await vic.page.waitForURL('**/');
    await vic.page.goto(`${server.url}/experiments`);
    assert.equal(await vic.page.getByRole('button', { name: 'Create experiment' }).count(), 0);
    await row.getByLabel('Role of vic').selectOption('editor');
    await row.locator('form[action$="/role"]').getByRole('button', { name: 'Save' }).click();
    await flash(page, 'Saved.');
    assert.equal(await row.getByLabel('Role of vic').inputValue(), 'editor');
    await vic.page.reload();
    await vic.page.getByRole('button', { name: 'Create experiment' }).first().waitFor();
    const menu = () => row.getByRole('button', { name: 'Actions for vic' }).click();
    await menu();
    await page.getByRole('button', { name: 'Disable account' }).click();
    await flash(page, 'Saved.');
    await row.getByText('Disabled').waitFor();
    await vic.page.goto(`${server.url}/experiments`);
    assert.match(vic.page.url(), /\/sign-in/, 'the session has ended');
    assert.equal(await asks(server.url, basic('vic')), 401);
    await menu();
    await page.getByRole('button', { name: 'Enable account' }).click();
    await row.getByText('Active').waitFor();
    await menu();
    await page.getByRole('button', { name: 'Reset password' }).click();
    await page.fill('dialog[open] input[name=password]', secret);
    await page.locator('dialog[open]').getByRole('button', { name: 'Reset password' }).click();
    await flash(page, 'Password changed.');
    await signIn(vic.page, server.url, 'vic', secret);
    await vic.page.waitForURL('**/');
    tab.clean('users');
    vic.clean('vic');
    await vic.close();
  });

  test('the last administrator stays one', async () => {
    await page.goto(`${server.url}/users`);
    const own = page.locator('tr', { has: page.getByRole('rowheader', { name: 'ada' }) });
    assert.equal(await own.locator('button, select').and(own.locator(':not(form[action$="/extra"] *)')).count(), 0, 'no way to lock oneself out');
    const idOf = async (who, name) => {
      await who.goto(`${server.url}/users`);
      return who.getByLabel(`Role of ${name}`).evaluate((e) => e.form.action.split('/').at(-2));
    };
    const make = (who, role) => tab.context.request.post(`${server.url}/users/${who}/role`, { form: { role }, maxRedirects: 0 });
    const other = await idOf(page, 'vic');
    assert.equal((await make(other, 'admin')).status(), 303);
    const vic = await open(browser);
    await signIn(vic.page, server.url, 'vic', secret);
    await vic.page.waitForURL('**/');
    const self = await idOf(vic.page, 'ada');
    await vic.close();
    assert.equal((await make(other, 'viewer')).status(), 303, 'one of two administrators can step back');
    for (const act of [() => make(self, 'viewer'), () => tab.context.request.post(`${server.url}/users/${self}/disable`, { maxRedirects: 0 })]) {
      const answer = await act();
      assert.ok([400, 409].includes(answer.status()), `status ${answer.status()}`);
      assert.match(await answer.text(), /This is the last administrator: make another one first\./);
    }
    assert.equal(await asks(server.url, basic('ada', secret)), 200);
  });
});

test('a server that others reach opens with its printed link, once', async () => {
  const server = await startServer({ host: '0.0.0.0' });
  const tab = await open(browser);
  const { page } = tab;
  try {
    const link = /(http:\/\/\S+)\/setup\?token=(\S+)/.exec(server.said.out);
    assert.ok(link, `the link is printed: ${server.said.out}`);
    assert.equal(await asks(server.url), 401);
    for (const [path, status] of [['/health', 200], ['/version', 200], ['/metrics', 401], ['/get-artifact?run_id=x&path=y', 401]]) {
      assert.equal((await fetch(server.url + path)).status, status, path);
    }
    for (const path of ['/', '/experiments', '/account', '/users', '/runs/x']) {
      await page.goto(server.url + path);
      assert.equal(new URL(page.url()).pathname, '/setup', `${path} leads to the set-up`);
    }
    tab.expect(403);
    await page.fill('#token', 'guessed');
    await fillNew(page, 'eve');
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.locator('[role=alert]', { hasText: 'not the server' }).waitFor();
    tab.expect();
    await page.goto(`${server.url}/setup?token=${link[2]}`);
    assert.equal(await page.locator('#token').count(), 0, 'the link brings the token along');
    await fillNew(page, 'ada');
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.waitForURL('**/');
    tab.clean('link');
    const late = await open(browser);
    await late.page.goto(`${server.url}/setup?token=${link[2]}`);
    assert.equal(new URL(late.page.url()).pathname, '/sign-in', 'the link is used up');
    const again = await late.context.request.post(`${server.url}/setup`, { form: { token: link[2], name: 'eve', password, password_again: password }, maxRedirects: 0 });
    assert.ok(again.status() >= 400, `a second account by the link: ${again.status()}`);
    assert.match(await again.text(), /An account exists already/);
    assert.equal(await asks(server.url, basic('eve')), 401);
    await late.close();
  } finally {
    await tab.close();
    await server.stop();
  }
});

test('a viewer sees everything and can change nothing', async () => {
  const server = await startServer();
  const admin = await open(browser);
  try {
    await createFirst(admin.page, server.url);
    await admin.context.request.post(`${server.url}/users`, { form: { name: 'vic', role: 'viewer', password } });
    const world = await team(client(server.url, basic('ada')), { runs: 3 });
    const tab = await open(browser);
    const { page } = tab;
    await signIn(page, server.url, 'vic');
    await page.waitForURL('**/');
    const run = `/runs/${world.long.id}`;
    for (const path of ['/experiments', '/experiments?view=deleted', `/experiments/${world.fraud}`, run, `${run}?tab=parameters`, `${run}?tab=artifacts`, `${run}?tab=models`, `/logged-models/${world.model.id}`]) {
      await page.goto(server.url + path);
      const acts = await page.locator('main').locator('form[method=post]:not([action$="/views"]), [command=show-modal], dialog:not(#drawer)').count(); // views of one's own are anybody's
      assert.equal(acts, 0, `${path}: nothing to press that would be refused`);
      assert.equal(await page.locator('nav a', { hasText: 'Users' }).count(), 0);
    }
    tab.expect(403);
    for (const path of [`/experiments/${world.fraud}/delete`, `${run}/delete`, `${run}/note`, `${run}/tags`, '/users']) {
      await page.goto(`${server.url}/experiments`);
      await page.evaluate((to) => {
        const form = Object.assign(document.createElement('form'), { method: 'post', action: to });
        for (const [name, value] of Object.entries({ name: 'x', key: 'x', value: 'x', note: 'x', role: 'admin', password: 'correct horse battery' })) form.append(Object.assign(document.createElement('input'), { name, value }));
        document.body.append(form);
        form.submit();
      }, path);
      await page.waitForURL(`**${path}`);
      assert.equal(await page.locator('h1').innerText(), 'Your role does not allow this', path);
      assert.match(await text(page), /Status 403 · Request \S+/);
    }
    await page.goto(server.url + run);
    assert.equal(await page.locator('h1 .badge', { hasText: 'Deleted' }).count(), 0, 'the run is as it was');
    tab.clean('viewer');
    await tab.close();
  } finally {
    await admin.close();
    await server.stop();
  }
});
