// The workflow calls of the JavaScript client, over HTTP.
//
// Knows where the server is from DAPR_HTTP_PORT, as the client does.
"use strict";

const assert = require("node:assert");
const { after, test } = require("node:test");
const { setTimeout: pause } = require("node:timers/promises");
const { CommunicationProtocolEnum, DaprClient, LogLevel } = require("@dapr/dapr");

const quiet = { error() {}, warn() {}, info() {}, verbose() {}, debug() {} };
const client = new DaprClient({
  communicationProtocol: CommunicationProtocolEnum.HTTP,
  // What cannot be done is told by errors here.
  logger: { level: LogLevel.Error, service: quiet },
});
after(() => client.stop());
const workflows = client.workflow;

async function until(id, status) {
  for (;;) {
    const state = await workflows.getWorkflowState(id);
    if (state.runtimeStatus === status) {
      return state;
    }
    await pause(10);
  }
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

const request = { request_id: "r", what: "rest", approver: "carol" };

test("a workflow runs to its end, is read and is purged", async () => {
  const task = { task_id: "task-1", title: "Review", assignee: "alice@example.com" };
  const id = await workflows.scheduleNewWorkflow("task_processing_workflow", task, "w-1");
  assert.strictEqual(id, "w-1");
  const ended = await until(id, "COMPLETED");
  assert.strictEqual(ended.workflowName, "task_processing_workflow");
  assert.deepStrictEqual(JSON.parse(ended.properties["dapr.workflow.input"]), task);
  const output = JSON.parse(ended.properties["dapr.workflow.output"]);
  assert.strictEqual(output.final_status, "assigned");
  assert.ok(ended.createdAt <= ended.lastUpdatedAt);
  await workflows.purge(id);
  const gone = await errorOf(workflows.getWorkflowState(id));
  assert.deepStrictEqual([gone.status, gone.errorCode], [404, "ERR_INSTANCE_ID_NOT_FOUND"]);
});

test("a workflow is held, goes on and gets its event", async () => {
  const id = await workflows.scheduleNewWorkflow("approve", request);
  await until(id, "RUNNING");
  await workflows.pause(id);
  await until(id, "SUSPENDED");
  await workflows.raiseEvent(id, "decision", { approved: true, by: "carol" });
  await workflows.resume(id);
  const ended = await until(id, "COMPLETED");
  assert.strictEqual(JSON.parse(ended.properties["dapr.workflow.output"]).outcome, "approved");
});

test("a workflow is terminated", async () => {
  const id = await workflows.scheduleNewWorkflow("approve", request);
  await workflows.terminate(id);
  await until(id, "TERMINATED");
});

test("an id that is in use and a name that nobody has are refused", async () => {
  await workflows.scheduleNewWorkflow("approve", request, "taken");
  const again = await errorOf(workflows.scheduleNewWorkflow("approve", request, "taken"));
  assert.deepStrictEqual([again.status, again.errorCode], [500, "ERR_START_WORKFLOW"]);
  assert.match(again.message, /'taken' already exists/);
  const unknown = await errorOf(workflows.scheduleNewWorkflow("nothing", {}));
  assert.match(unknown.message, /no plugin brings a workflow of the name nothing/);
});
