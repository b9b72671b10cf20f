// Asks an IAM simulator whether the roles and the bucket's policy of the transformed template allow or deny each call as
// calls.json says. Usage: node simulate.mjs <folder with node_modules> <template.json> <calls.json>
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [tools, templateFile, callsFile] = process.argv.slice(2);
const manifest = path.join(tools, 'node_modules/@cloud-copilot/iam-simulate/package.json');
const entry = JSON.parse(fs.readFileSync(manifest)).exports['.'].import;
const { runSimulation } = await import(pathToFileURL(path.join(path.dirname(manifest), entry.default ?? entry)));

const { Resources: resources } = JSON.parse(fs.readFileSync(templateFile));
const calls = JSON.parse(fs.readFileSync(callsFile));

const account = '123456789012';
const archive = `arn:aws:s3:::stack-${account}-eu-central-1`;
// The values of !Sub, !Ref and !GetAtt, as far as policies use them.
const names = {
  'AWS::Partition': 'aws', 'AWS::StackName': 'stack', 'AWS::AccountId': account, 'AWS::Region': 'eu-central-1', 'AWS::URLSuffix': 'amazonaws.com',
  'ArchiveBucket.Arn': archive,
  RunecastSecretArn: `arn:aws:secretsmanager:eu-central-1:${account}:secret:runecast-AbCdEf`,
  OpenPipelineSecretArn: `arn:aws:secretsmanager:eu-central-1:${account}:secret:dynatrace-AbCdEf`,
  KmsKeyArn: `arn:aws:kms:eu-central-1:${account}:key/1111`,
  SecretsKmsKeyArn: `arn:aws:kms:eu-central-1:${account}:key/2222`,
  'CollectorFunction.Arn': `arn:aws:lambda:eu-central-1:${account}:function:stack-collector`,
  'ForwarderFunction.Arn': `arn:aws:lambda:eu-central-1:${account}:function:stack-forwarder`,
  'CollectorLogGroup.Arn': `arn:aws:logs:eu-central-1:${account}:log-group:/aws/lambda/stack-collector:*`,
  'ForwarderLogGroup.Arn': `arn:aws:logs:eu-central-1:${account}:log-group:/aws/lambda/stack-forwarder:*`,
  'DeadLetterQueue.Arn': `arn:aws:sqs:eu-central-1:${account}:dead-letters`,
  'ObjectQueue.Arn': `arn:aws:sqs:eu-central-1:${account}:objects`,
};
const sub = (text) => text.replace(/\$\{([^}]+)\}/g, (_, name) => names[name] ?? `unknown-${name}`);

// render returns a policy as IAM gets it if every condition of the stack is true.
function render(value) {
  if (Array.isArray(value)) return value.map(render).filter((v) => v !== undefined);
  if (value === null || typeof value !== 'object') return value;
  if (value['Fn::If']) return render(value['Fn::If'][1]);
  if (value['Fn::Sub']) return sub(value['Fn::Sub']);
  if (value['Fn::GetAtt']) return sub(`\${${value['Fn::GetAtt'].join('.')}}`);
  if (value.Ref) return value.Ref === 'AWS::NoValue' ? undefined : sub(`\${${value.Ref}}`);
  return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, render(v)]));
}

const rolePolicies = (role) => resources[role].Properties.Policies.map((p) => ({ name: p.PolicyName, policy: render(p.PolicyDocument) }));
const bucketPolicy = render(resources.ArchiveBucketPolicy.Properties.PolicyDocument);
// As KMS writes it for a new key: the account's own policies decide.
const keyPolicy = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${account}:root` }, Action: 'kms:*', Resource: '*' }] };

function resourcePolicy(resource) {
  if (resource.startsWith(archive)) return { resourcePolicy: bucketPolicy };
  return resource.startsWith('arn:aws:kms:') ? { resourcePolicy: keyPolicy } : {};
}

// The log group's ARN ends with :*; streams lie below it.
const concrete = (resource) => sub(resource.replace(/^archive/, archive)).replace(/(:log-group:[^:]+):\*$/, '$1:log-stream:2026');

async function decide(call) {
  const resource = concrete(call.resource);
  // The keys of EventBridge have several values: a request has several events.
  const context = Object.fromEntries(Object.entries({ 'aws:SecureTransport': 'true', 's3:TlsVersion': '1.3', ...call.context })
    .map(([k, v]) => [k, k.startsWith('events:') ? [sub(v)] : sub(v)]));
  const { overallResult, ...rest } = await runSimulation({
    request: { action: call.action, resource: { resource, accountId: account }, principal: `arn:aws:iam::${account}:role/${call.role}`, contextVariables: context },
    identityPolicies: rolePolicies(call.role),
    serviceControlPolicies: [], resourceControlPolicies: [],
    ...resourcePolicy(resource),
  }, {});
  if (!overallResult) throw new Error(`${call.role} ${call.action} ${resource}: ${JSON.stringify(rest)}`);
  return overallResult === 'Allowed';
}

let wrong = 0;
for (const call of calls) {
  if (await decide(call) === call.allowed) continue;
  wrong++;
  console.error(`${call.role} ${call.action} on ${call.resource} should ${call.allowed ? '' : 'not '}be allowed: ${call.why}`);
}
console.log(`   ${calls.length - wrong} of ${calls.length} calls are decided as they should be`);
process.exit(wrong ? 1 : 0);
