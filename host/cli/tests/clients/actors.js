// What the JavaScript client makes of actors and of the server's health and metadata, over HTTP.
//
// Knows where the server is from DAPR_HTTP_PORT, as the client does.
"use strict";

const assert = require("node:assert");
const { after, test } = require("node:test");
const { ActorId, ActorProxyBuilder, CommunicationProtocolEnum, DaprClient, LogLevel } = require("@dapr/dapr");

class TaskActor {}
class Nobody {}

const client = new DaprClient({
  communicationProtocol: CommunicationProtocolEnum.HTTP,
  logger: { level: LogLevel.Error },
});
after(() => client.stop());

function actor(type, id) {
  return new ActorProxyBuilder(type, client).build(new ActorId(id));
}

async function errorOf(call) {
  try {
    await call;
  } catch (error) {
    const { status, error_msg } = JSON.parse(error.message);
    return { status, ...JSON.parse(error_msg) };
  }
  assert.fail("it was answered");
}

test("the lesson's actor is called with the one argument that it takes", async () => {
  const task = actor(TaskActor, "task-456");
  assert.deepStrictEqual(await task.SubmitForProcessing("bob@example.com"), {
    success: true,
    workflow_instance: "process-task-456",
    task_id: "task-456",
  });
  const again = await task.SubmitForProcessing({ assignee: "bob@example.com" });
  assert.strictEqual(again.reason, "Already submitted");
  const read = await task.GetTask();
  assert.strictEqual(read.assignee, "bob@example.com");
});

test("an id may be anything that is no path", async () => {
  const updated = await actor(TaskActor, "a:b |@ ö+").UpdateStatus("in_progress");
  assert.deepStrictEqual([updated.id, updated.status], ["a:b |@ ö+", "in_progress"]);
});

test("errors say what is wrong", async () => {
  const none = await errorOf(actor(Nobody, "a").GetTask());
  assert.deepStrictEqual([none.status, none.errorCode], [404, "ERR_ACTOR_NO_ADDRESS"]);
  const missing = await errorOf(actor(TaskActor, "a").Missing());
  assert.deepStrictEqual([missing.status, missing.errorCode], [500, "ERR_ACTOR_INVOKE_METHOD"]);
  assert.match(missing.message, /Missing/);
});

test("the server is healthy and says what it hosts", async () => {
  assert.strictEqual(await client.health.isHealthy(), true);
  await actor(TaskActor, "here").GetTask();
  const metadata = await client.metadata.get();
  const hosted = metadata.actors.find((one) => one.type === "TaskActor");
  assert.ok(hosted.count > 0, JSON.stringify(metadata));
  assert.deepStrictEqual(metadata.actorRuntime.activeActors, metadata.actors);
  assert.strictEqual(metadata.actorRuntime.runtimeStatus, "RUNNING");
});

test("a label that is given is told", async () => {
  assert.strictEqual(await client.metadata.set("stage", "test & more"), true);
  const { extended } = await client.metadata.get();
  assert.strictEqual(extended.stage, "test & more");
  assert.ok(extended.daprRuntimeVersion);
});
