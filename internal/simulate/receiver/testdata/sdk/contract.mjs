// Lets Dynatrace's published client of the query service, unmodified, ask a query service: contract.mjs <address> <token>.
// The first line of its input is a JSON list of steps, each {"do": "execute|poll|cancel", "query": …}; a poll or cancel is about the
// query executed last. Each step's outcome goes out as one line of JSON.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const require = createRequire(import.meta.url); // the packages are CommonJS
const { QueryExecutionClient } = require('@dynatrace-sdk/client-query');
const { PlatformHttpClient } = require('@dynatrace-sdk/http-client');

const [address, token] = process.argv.slice(2);
const client = new QueryExecutionClient(new PlatformHttpClient({ baseUrl: address, defaultHeaders: { Authorization: `Bearer ${token}` } }));
let requestToken;

const steps = {
  async execute({ query }) {
    const answer = await client.queryExecute({
      body: { query, maxResultRecords: 1000, defaultScanLimitGbytes: 100, requestTimeoutMilliseconds: 1000 },
    });
    requestToken = answer.requestToken;
    return answer;
  },
  poll: () => client.queryPoll({ requestToken, requestTimeoutMilliseconds: 1000 }),
  cancel: () => client.queryCancel({ requestToken }),
};

for await (const line of createInterface({ input: process.stdin })) {
  let outcome;
  try {
    outcome = { answer: (await steps[JSON.parse(line).do](JSON.parse(line))) ?? null };
  } catch (e) {
    outcome = { error: e.name, message: e.message, status: e.response?.status, body: e.body };
  }
  console.log(JSON.stringify(outcome));
}
