// @kafkajs/confluent-schema-registry: registers every contract, then writes and reads one event.
const assert = require('node:assert');
const fs = require('node:fs');
const { SchemaRegistry, SchemaType } = require('@kafkajs/confluent-schema-registry');

async function main([host, ...files]) {
  const registry = new SchemaRegistry({ host });
  for (const file of files) {
    const schema = fs.readFileSync(file, 'utf8');
    const { namespace, name } = JSON.parse(schema);
    const subject = `${namespace}.${name}`;
    // a level of its own is there or is set to this one; the client refuses any other
    const options = { subject, compatibility: 'BACKWARD' };
    const { id } = await registry.register({ type: SchemaType.AVRO, schema }, options);
    assert.strictEqual(await registry.getRegistryId(subject, 1), id);
    assert.strictEqual(await registry.getLatestSchemaId(subject), id);
    console.log(subject, id);
  }
  const schema = JSON.stringify({ type: 'record', name: 'Essai', fields: [{ name: 'dossier', type: 'string' }] });
  const { id } = await registry.register({ type: SchemaType.AVRO, schema }, { subject: 'node-value' });
  const framed = await registry.encode(id, { dossier: '42' });
  assert.strictEqual(framed.subarray(5).toString(), '\x0442');
  const fresh = new SchemaRegistry({ host });
  assert.strictEqual((await fresh.decode(framed)).dossier, '42');
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
