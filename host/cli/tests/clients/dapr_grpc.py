"""Actors, workflows and metadata over gRPC: by the Python client's DaprClient, and by the calls that the published
package generates where DaprClient has no method for them.

Knows where the server is from DAPR_GRPC_PORT and DAPR_HTTP_PORT, as the client does.
"""

import json
import os
import time
import unittest

import grpc
from dapr.clients import DaprClient
from dapr.proto.common.v1 import common_pb2
from dapr.proto.runtime.v1 import actors_pb2, dapr_pb2_grpc, workflow_pb2
from google.protobuf import any_pb2, duration_pb2

APPROVAL = json.dumps({"request_id": "r", "what": "rest", "approver": "carol"}).encode()
DECISION = json.dumps({"approved": True, "by": "carol"}).encode()
KEEPER = {"actor_type": "Keeper", "actor_id": "k"}


def until(look):
    begun = time.monotonic()
    while not look():
        assert time.monotonic() - begun < 60, "it does not come"
        time.sleep(0.01)


class Calls(unittest.TestCase):
    def setUp(self):
        self.channel = grpc.insecure_channel(f"127.0.0.1:{os.environ['DAPR_GRPC_PORT']}")
        self.addCleanup(self.channel.close)
        self.dapr = dapr_pb2_grpc.DaprStub(self.channel)

    def call(self, actor_type, id, method, input=None, **metadata):
        request = actors_pb2.InvokeActorRequest(
            actor_type=actor_type,
            actor_id=id,
            method=method,
            data=json.dumps(input).encode(),
            metadata=metadata,
        )
        return json.loads(self.dapr.InvokeActor(request).data)

    def refused(self, code, call, *args):
        with self.assertRaises(grpc.RpcError) as raised:
            call(*args)
        self.assertEqual(raised.exception.code(), code)
        return raised.exception.details()


class Client(Calls):
    def test_the_client_finds_the_server_healthy_and_reads_and_labels_its_metadata(self):
        with DaprClient() as client:
            self.call("Counter", "m", "Add", 1)
            client.set_metadata("team", "tasks")
            metadata = client.get_metadata()
        self.assertEqual(metadata.application_id, "host")
        self.assertGreaterEqual(metadata.active_actors_count["Counter"], 1)
        self.assertEqual(metadata.extended_metadata["team"], "tasks")


class Actors(Calls):
    def test_an_actor_answers_and_a_repeated_call_counts_once(self):
        for _ in range(2):
            self.assertEqual(self.call("Counter", "c", "Add", 2, **{"Idempotency-Key": "k"}), 2)
        self.assertEqual(self.call("Counter", "c", "Get"), 2)

    def test_what_cannot_be_called_says_why(self):
        details = self.refused(grpc.StatusCode.NOT_FOUND, self.call, "Nobody", "a", "Get")
        self.assertIn("Nobody", details)
        details = self.refused(grpc.StatusCode.INTERNAL, self.call, "Counter", "a", "Missing")
        self.assertIn("error from actor service: (404)", details)

    def test_state_is_written_and_read(self):
        operations = [
            actors_pb2.TransactionalActorStateOperation(
                operationType="upsert",
                key="a",
                value=any_pb2.Any(value=b'{"b":[1]}'),
                metadata={"ttlInSeconds": "3600"},
            ),
            actors_pb2.TransactionalActorStateOperation(operationType="delete", key="never"),
        ]
        self.dapr.ExecuteActorStateTransaction(
            actors_pb2.ExecuteActorStateTransactionRequest(operations=operations, **KEEPER)
        )
        state = self.dapr.GetActorState(actors_pb2.GetActorStateRequest(key="a", **KEEPER))
        self.assertEqual(json.loads(state.data), {"b": [1]})
        self.assertIn("ttlExpireTime", state.metadata)
        self.assertEqual(self.call("Keeper", "k", "Look", "a"), {"b": [1]})

    def test_a_reminder_is_set_read_fires_and_is_taken_back(self):
        named = {"name": "Ring", **KEEPER}
        policy = common_pb2.JobFailurePolicy(
            constant=common_pb2.JobFailurePolicyConstant(
                interval=duration_pb2.Duration(seconds=1), max_retries=2
            )
        )
        self.dapr.RegisterActorReminder(
            actors_pb2.RegisterActorReminderRequest(
                due_time="0h0m0s2ms0μs", period="PT1H", data=b"3", failure_policy=policy, **named
            )
        )
        until(lambda: self.call("Keeper", "k", "Rings") == 3)
        reminder = self.dapr.GetActorReminder(actors_pb2.GetActorReminderRequest(**named))
        self.assertEqual((reminder.actor_type, reminder.actor_id), ("Keeper", "k"))
        self.assertEqual(reminder.data.value, b"3")
        self.dapr.UnregisterActorReminder(actors_pb2.UnregisterActorReminderRequest(**named))
        self.refused(
            grpc.StatusCode.NOT_FOUND,
            self.dapr.GetActorReminder,
            actors_pb2.GetActorReminderRequest(**named),
        )

    def test_a_timer_fires_until_it_is_taken_back(self):
        named = {"actor_type": "Keeper", "actor_id": "t", "name": "timer"}
        self.dapr.RegisterActorTimer(
            actors_pb2.RegisterActorTimerRequest(
                due_time="0s", period="5ms", callback="Ring", data=b"1", **named
            )
        )
        until(lambda: self.call("Keeper", "t", "Rings") >= 3)
        self.dapr.UnregisterActorTimer(actors_pb2.UnregisterActorTimerRequest(**named))
        self.assertEqual(self.call("Keeper", "t", "Rings"), self.call("Keeper", "t", "Rings"))


class Workflows(Calls):
    def get(self, id):
        request = workflow_pb2.GetWorkflowRequest(instance_id=id, workflow_component="dapr")
        return self.dapr.GetWorkflowBeta1(request)

    def test_a_workflow_is_started_driven_and_purged(self):
        one = {"instance_id": "w", "workflow_component": "dapr"}
        started = self.dapr.StartWorkflowBeta1(
            workflow_pb2.StartWorkflowRequest(workflow_name="approve", input=APPROVAL, **one)
        )
        self.assertEqual(started.instance_id, "w")
        until(lambda: self.get("w").runtime_status == "RUNNING")
        details = self.refused(
            grpc.StatusCode.INTERNAL,
            self.dapr.StartWorkflowAlpha1,
            workflow_pb2.StartWorkflowRequest(workflow_name="approve", input=APPROVAL, **one),
        )
        self.assertIn("an active workflow with ID 'w' already exists", details)
        self.dapr.PauseWorkflowBeta1(workflow_pb2.PauseWorkflowRequest(**one))
        self.assertEqual(self.get("w").runtime_status, "SUSPENDED")
        self.dapr.RaiseEventWorkflowBeta1(
            workflow_pb2.RaiseEventWorkflowRequest(
                event_name="decision", event_data=DECISION, **one
            )
        )
        self.dapr.ResumeWorkflowBeta1(workflow_pb2.ResumeWorkflowRequest(**one))
        until(lambda: self.get("w").runtime_status == "COMPLETED")
        ended = self.get("w")
        self.assertEqual(ended.workflow_name, "approve")
        self.assertEqual(ended.properties["dapr.workflow.input"], APPROVAL.decode())
        self.assertLessEqual(ended.created_at.seconds, ended.last_updated_at.seconds)
        self.dapr.PurgeWorkflowBeta1(workflow_pb2.PurgeWorkflowRequest(**one))
        self.assertEqual(self.get("w").properties, {})
        self.refused(
            grpc.StatusCode.NOT_FOUND,
            self.dapr.TerminateWorkflowBeta1,
            workflow_pb2.TerminateWorkflowRequest(**one),
        )


if __name__ == "__main__":
    unittest.main()
