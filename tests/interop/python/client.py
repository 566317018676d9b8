"""confluent-kafka: registers every contract, then writes and reads one event."""
import json
import sys

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext

url, *files = sys.argv[1:]
client = SchemaRegistryClient({"url": url})

for file in files:
    text = open(file, encoding="utf-8").read()
    parsed = json.loads(text)
    subject = parsed["namespace"] + "." + parsed["name"]
    number = client.register_schema(subject, Schema(text, "AVRO"))
    assert client.register_schema(subject, Schema(text, "AVRO")) == number
    found = client.lookup_schema(subject, Schema(text, "AVRO"))
    assert found.schema_id == number and found.version == 1
    assert json.loads(client.get_schema(number).schema_str) == parsed
    assert client.get_latest_version(subject).schema_id == number
    print(subject, number)

trial = '{"type":"record","name":"Essai","fields":[{"name":"dossier","type":"string"}]}'
where = SerializationContext("python", MessageField.VALUE)
framed = AvroSerializer(client, trial)({"dossier": "42"}, where)
assert framed[0] == 0 and framed[5:] == b"\x0442", framed
fresh = SchemaRegistryClient({"url": url})
assert AvroDeserializer(fresh)(framed, where) == {"dossier": "42"}

assert "python-value" in client.get_subjects()
client.set_compatibility("python-value", "FULL")
assert client.get_compatibility("python-value") == "FULL"
wider = trial.replace("]}", ',{"name":"n","type":"int","default":0}]}')
assert client.test_compatibility("python-value", Schema(wider, "AVRO"))
try:
    client.register_schema("python-value", Schema('"string"', "AVRO"))
    raise SystemExit("an incompatible schema was accepted")
except SchemaRegistryError as error:
    assert error.http_status_code == 409, error
