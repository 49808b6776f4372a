"""The lesson's client code, over gRPC: workflows that are scheduled, awaited and driven by DaprWorkflowClient.

Knows where the server is from DAPR_GRPC_PORT, as the client does.
"""

import json
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import grpc
from dapr.ext.workflow import DaprWorkflowClient, WorkflowHistoryEventType, WorkflowStatus

TASK = {"task_id": "task-1", "title": "Review PR", "assignee": "alice@example.com"}
APPROVAL = {"request_id": "r", "what": "rest", "approver": "carol"}
DECISION = {"approved": True, "by": "carol"}


def task_processing_workflow(ctx, task):
    """Named only: its code is in the plugin."""


class Workflows(unittest.TestCase):
    def setUp(self):
        self.client = DaprWorkflowClient()
        self.addCleanup(self.client.close)

    def approval(self, id):
        self.client.schedule_new_workflow("approve", input=APPROVAL, instance_id=id)
        begun = self.client.wait_for_workflow_start(id, timeout_in_seconds=30)
        self.assertEqual(begun.runtime_status, WorkflowStatus.RUNNING)

    def ended(self, id):
        return self.client.wait_for_workflow_completion(id, timeout_in_seconds=30)

    def status(self, id):
        return self.client.get_workflow_state(id).runtime_status

    def refused(self, code, call, *args, **kwargs):
        with self.assertRaises(grpc.RpcError) as raised:
            call(*args, **kwargs)
        self.assertEqual(raised.exception.code(), code)
        return raised.exception.details()

    def test_a_workflow_is_scheduled_and_awaited_and_its_payloads_are_read(self):
        id = self.client.schedule_new_workflow(
            workflow=task_processing_workflow, input=TASK, instance_id="process-task-1"
        )
        self.assertEqual(id, "process-task-1")
        begun = self.client.wait_for_workflow_start(id, timeout_in_seconds=30)
        self.assertIsNone(begun.serialized_input)
        state = self.ended(id)
        self.assertEqual(state.runtime_status, WorkflowStatus.COMPLETED)
        self.assertEqual((state.instance_id, state.name), (id, "task_processing_workflow"))
        self.assertEqual(json.loads(state.serialized_input), TASK)
        output = json.loads(state.serialized_output)
        self.assertEqual((output["task_id"], output["final_status"]), ("task-1", "assigned"))
        self.assertIsNone(state.serialized_custom_status)
        self.assertIsNone(state.failure_details)
        self.assertLessEqual(state.created_at, state.last_updated_at)
        again = self.client.get_workflow_state(id, fetch_payloads=False)
        self.assertIsNone(again.serialized_output)
        self.client.purge_workflow(id)
        self.assertIsNone(self.client.get_workflow_state(id))

    def test_a_workflow_without_an_id_is_given_one(self):
        id = self.client.schedule_new_workflow("task_processing_workflow", input=TASK)
        self.assertEqual(self.ended(id).runtime_status, WorkflowStatus.COMPLETED)

    def test_a_workflow_waits_for_the_time_at_which_it_starts(self):
        start = datetime.now(timezone.utc) + timedelta(seconds=2)
        task = {**TASK, "task_id": "task-later"}
        id = self.client.schedule_new_workflow(
            "task_processing_workflow", input=task, instance_id="later", start_at=start
        )
        self.assertEqual(self.status(id), WorkflowStatus.PENDING)
        state = self.ended(id)
        self.assertEqual(state.runtime_status, WorkflowStatus.COMPLETED)
        self.assertGreaterEqual(datetime.now(timezone.utc), start)
        far = datetime.now(timezone.utc) + timedelta(days=365)
        self.client.schedule_new_workflow("approve", input=APPROVAL, instance_id="far", start_at=far)
        self.client.terminate_workflow("far")
        self.assertEqual(self.status("far"), WorkflowStatus.TERMINATED)

    def test_an_input_that_is_missing_is_not_the_empty_text(self):
        id = self.client.schedule_new_workflow("approve")
        state = self.ended(id)
        self.assertIsNone(state.serialized_input)
        self.assertEqual(state.runtime_status, WorkflowStatus.FAILED)
        self.assertTrue(state.failure_details.message)

    def test_a_workflow_is_paused_resumed_and_gets_its_event(self):
        self.approval("held")
        self.client.pause_workflow("held")
        self.assertEqual(self.status("held"), WorkflowStatus.SUSPENDED)
        self.client.raise_workflow_event("held", "Decision", data=DECISION)
        self.assertEqual(self.status("held"), WorkflowStatus.SUSPENDED)
        self.client.resume_workflow("held")
        state = self.ended("held")
        self.assertEqual(json.loads(state.serialized_output)["outcome"], "approved")
        self.assertEqual(json.loads(state.serialized_custom_status), "approved")

    def test_a_terminated_workflow_has_its_output(self):
        self.approval("ends")
        self.client.terminate_workflow("ends", output={"by": "me"})
        state = self.client.get_workflow_state("ends")
        self.assertEqual(state.runtime_status, WorkflowStatus.TERMINATED)
        self.assertEqual(json.loads(state.serialized_output), {"by": "me"})
        self.assertIsNone(state.failure_details)
        self.client.terminate_workflow("ends")

    def test_an_id_that_is_in_use_is_refused(self):
        self.approval("taken")
        details = self.refused(
            grpc.StatusCode.ALREADY_EXISTS,
            self.client.schedule_new_workflow,
            "approve",
            input=APPROVAL,
            instance_id="taken",
        )
        self.assertEqual(details, "an active workflow with ID 'taken' already exists")
        self.client.terminate_workflow("taken")
        self.approval("taken")

    def test_what_is_unknown_is_none_where_it_is_read_and_an_error_elsewhere(self):
        self.assertIsNone(self.client.get_workflow_state("nowhere"))
        self.assertIsNone(self.client.wait_for_workflow_start("nowhere"))
        self.assertIsNone(self.client.wait_for_workflow_completion("nowhere"))
        for call in (
            self.client.pause_workflow,
            self.client.resume_workflow,
            self.client.terminate_workflow,
            self.client.purge_workflow,
            self.client.get_workflow_history,
        ):
            with self.subTest(call=call.__name__):
                details = self.refused(grpc.StatusCode.NOT_FOUND, call, "nowhere")
                self.assertIn("no such instance exists", details)
        details = self.refused(
            grpc.StatusCode.NOT_FOUND, self.client.raise_workflow_event, "nowhere", "e", data=1
        )
        self.assertIn("no such instance exists", details)
        self.refused(grpc.StatusCode.NOT_FOUND, self.client.schedule_new_workflow, "nothing")

    def test_only_what_has_ended_is_purged(self):
        self.approval("going")
        self.refused(grpc.StatusCode.FAILED_PRECONDITION, self.client.purge_workflow, "going")
        self.assertEqual(self.status("going"), WorkflowStatus.RUNNING)

    def test_a_wait_that_takes_too_long_is_given_up_and_loses_nothing(self):
        self.approval("slow")
        begun = time.monotonic()
        with self.assertRaises(TimeoutError):
            self.client.wait_for_workflow_completion("slow", timeout_in_seconds=1)
        self.assertLess(time.monotonic() - begun, 20)
        self.client.raise_workflow_event("slow", "decision", data=DECISION)
        self.assertEqual(self.ended("slow").runtime_status, WorkflowStatus.COMPLETED)

    def test_very_many_wait_over_one_connection(self):
        self.approval("awaited")
        with ThreadPoolExecutor(150) as threads:
            waiting = [threads.submit(self.ended, "awaited") for _ in range(150)]
            self.client.raise_workflow_event("awaited", "decision", data=DECISION)
            for one in waiting:
                self.assertEqual(one.result().runtime_status, WorkflowStatus.COMPLETED)

    def test_ids_are_listed_over_all_pages(self):
        ids = {f"listed-{number}" for number in range(5)}
        for id in ids:
            self.client.schedule_new_workflow(
                "task_processing_workflow", input=TASK, instance_id=id
            )
        listed = list(self.client.iter_workflow_instance_ids(page_size=2))
        self.assertLessEqual(ids, set(listed))
        self.assertEqual(len(listed), len(set(listed)))

    def test_a_history_is_read_and_a_workflow_rerun_from_an_event_of_it(self):
        self.client.schedule_new_workflow(
            "task_processing_workflow", input=TASK, instance_id="first"
        )
        output = self.ended("first").serialized_output
        history = self.client.get_workflow_history("first")
        kinds = [event.event_type for event in history]
        self.assertEqual(kinds[0], WorkflowHistoryEventType.EXECUTION_STARTED)
        self.assertEqual(kinds[-1], WorkflowHistoryEventType.EXECUTION_COMPLETED)
        scheduled = [event for event in history if event.is_rerunnable]
        self.assertEqual(scheduled[0].name, "validate_task")
        done = [
            event.task_scheduled_id
            for event in history
            if event.event_type == WorkflowHistoryEventType.TASK_COMPLETED
        ]
        self.assertIn(scheduled[0].event_id, done)
        id = self.client.rerun_workflow_from_event(
            "first", scheduled[-1].event_id, new_instance_id="second"
        )
        self.assertEqual(id, "second")
        self.assertEqual(self.ended(id).serialized_output, output)
        self.refused(
            grpc.StatusCode.NOT_FOUND, self.client.rerun_workflow_from_event, "first", 10**6
        )


if __name__ == "__main__":
    unittest.main()
