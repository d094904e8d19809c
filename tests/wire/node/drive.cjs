// Drives the vendor's Node client, unmodified but for the base URL, and prints what each call came to.
// Usage: node drive.cjs <client module> <base url> <file to upload>
const [, , home, apiUrl, upload] = process.argv;
const client = require(home).createSailthruClient('demo-key', 'demo-secret', { apiUrl });
client.disableLogging();
const stranger = require(home).createSailthruClient('demo-key', 'wrong', { apiUrl });
stranger.disableLogging();

const promised = (start) => new Promise((resolve) => {
  start((error, body) => resolve({ error: error || null, body }));
});
const ada = 'ada@example.com';
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function exported(list) {
  const { body } = await promised((done) => client.apiPost('job', { job: 'export_list_data', list }, done));
  for (;;) {
    const told = await promised((done) => client.apiGet('job', { job_id: body.job_id }, done));
    if (told.body.status === 'completed') {
      return { told: told.body, csv: await (await fetch(told.body.export_url)).text() };
    }
    await sleep(20);
  }
}

async function main() {
  const out = {};
  const vars = { name: 'Zoë / "Ada"', n: 1.5, none: null };
  out.create = await promised((done) => client.saveUserByKey(
    ada, 'email', { vars, lists: { 'Main List': 1 }, fields: { keys: 1 } }, done));
  out.read = await promised((done) => client.getUserByKey(ada, 'email', { vars: 1, lists: 1 }, done));
  out.sid = await promised((done) => client.getUserBySid(out.create.body.keys.sid, done));
  out.unknown = await promised((done) => client.getUserByKey('nobody@example.com', 'email', { keys: 1 }, done));
  out.lists = await promised((done) => client.getLists(done));
  out.upload = await promised((done) => client.apiPost('job', { job: 'update', file: upload }, ['file'], done));
  out.export = await exported('Main List');
  out.dropped = await promised((done) => client.deleteList('Main List', done));
  out.refused = await promised((done) => stranger.apiGet('list', {}, done));
  out.deleted = await promised((done) => client.apiDelete('user', { id: ada, key: 'email' }, done));
  out.limits = client.getLastRateLimitInfo('user', 'GET');
  console.log(JSON.stringify(out));
}

main();
