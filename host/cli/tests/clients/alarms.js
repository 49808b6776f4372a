// An actor's state, reminders and timers, as the JavaScript client asks for them over HTTP.
//
// Knows where the server is from DAPR_HTTP_PORT, as the client does.
"use strict";

const assert = require("node:assert");
const { after, test } = require("node:test");
const { setTimeout: pause } = require("node:timers/promises");
const { ActorId, ActorProxyBuilder, CommunicationProtocolEnum, DaprClient, LogLevel, Temporal } = require("@dapr/dapr");
const ActorClient = require("@dapr/dapr/actors/client/ActorClient/ActorClient").default;

class Keeper {}

const client = new DaprClient({
  communicationProtocol: CommunicationProtocolEnum.HTTP,
  logger: { level: LogLevel.Error },
});
after(() => client.stop());
const { daprHost, daprPort } = client.options;
const { actor } = new ActorClient(daprHost, daprPort, CommunicationProtocolEnum.HTTP, client.options);

function keeper(id) {
  return new ActorProxyBuilder(Keeper, client).build(new ActorId(id));
}

async function untilRings(id, least) {
  while ((await keeper(id).Rings()) < least) {
    await pause(10);
  }
}

test("state is written as a transaction and read", async () => {
  const id = new ActorId("s");
  await actor.stateTransaction("Keeper", id, [
    { operation: "upsert", request: { key: "a", value: { b: [1] } } },
    { operation: "upsert", request: { key: "c", value: "text" } },
  ]);
  assert.deepStrictEqual(await actor.stateGet("Keeper", id, "a"), { b: [1] });
  assert.strictEqual(await keeper("s").Look("c"), "text");
  await actor.stateTransaction("Keeper", id, [{ operation: "delete", request: { key: "a" } }]);
  assert.strictEqual(await actor.stateGet("Keeper", id, "a"), "");
});

test("a reminder fires, is read and is taken back", async () => {
  const id = new ActorId("r");
  await actor.registerActorReminder("Keeper", id, "Ring", {
    dueTime: Temporal.Duration.from({ seconds: 0 }),
    period: Temporal.Duration.from({ hours: 1, minutes: 30 }),
    data: 2,
  });
  await untilRings("r", 2);
  const reminder = await actor.reminderGet("Keeper", id, "Ring");
  assert.deepStrictEqual([reminder.actorID, reminder.period, reminder.data], ["r", "PT5400S", 2]);
  await actor.unregisterActorReminder("Keeper", id, "Ring");
  await assert.rejects(actor.reminderGet("Keeper", id, "Ring"), /ERR_ACTOR_REMINDER_NOT_FOUND/);
});

test("a timer fires until it is taken back", async () => {
  const id = new ActorId("t");
  await actor.registerActorTimer("Keeper", id, "t", {
    callback: "Ring",
    dueTime: Temporal.Duration.from({ seconds: 0 }),
    period: Temporal.Duration.from({ milliseconds: 5 }),
    data: 1,
  });
  await untilRings("t", 3);
  await actor.unregisterActorTimer("Keeper", id, "t");
  const rings = await keeper("t").Rings();
  assert.strictEqual(await keeper("t").Rings(), rings);
});
