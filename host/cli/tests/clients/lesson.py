"""The lesson's client code, over HTTP: an actor that others call by its interface.

Knows where the server is from DAPR_HTTP_PORT, as the client does.
"""

import json
import unittest

from dapr.actor import ActorId, ActorInterface, ActorProxy, actormethod


class TaskActorInterface(ActorInterface):
    @actormethod(name="UpdateStatus")
    async def update_status(self, status: str) -> dict: ...

    @actormethod(name="SubmitForProcessing")
    async def submit_for_processing(self, assignee: str) -> dict: ...

    @actormethod(name="GetTask")
    async def get_task(self) -> dict: ...

    @actormethod(name="GetProcessingStatus")
    async def get_processing_status(self) -> dict: ...


def task(id):
    return ActorProxy.create("TaskActor", ActorId(id), TaskActorInterface)


class Lesson(unittest.IsolatedAsyncioTestCase):
    async def test_a_task_is_submitted_once_and_knows_its_workflow(self):
        proxy = task("task-456")
        result = await proxy.SubmitForProcessing("bob@example.com")
        self.assertEqual(
            result,
            {
                "success": True,
                "workflow_instance": "process-task-456",
                "task_id": "task-456",
            },
        )
        again = await proxy.SubmitForProcessing("bob@example.com")
        self.assertEqual(
            again,
            {
                "success": False,
                "reason": "Already submitted",
                "workflow_instance": "process-task-456",
            },
        )
        status = await proxy.GetProcessingStatus()
        self.assertEqual(status["task_id"], "task-456")
        self.assertEqual(status["workflow_instance"], "process-task-456")
        self.assertIn(status["workflow_status"], ("PENDING", "RUNNING", "COMPLETED"))

    async def test_what_an_activity_does_to_a_task_is_seen_by_all(self):
        updated = await task("task-1").UpdateStatus("in_progress")
        self.assertEqual((updated["id"], updated["status"]), ("task-1", "in_progress"))
        self.assertEqual((await task("task-1").GetTask())["status"], "in_progress")

    async def test_a_new_task_is_pending_and_has_no_workflow(self):
        new = await task("task-2").GetTask()
        self.assertEqual((new["id"], new["status"]), ("task-2", "pending"))
        self.assertIsNone(new["workflow_instance"])

    async def test_a_method_is_called_by_its_name_with_bytes(self):
        proxy = ActorProxy.create("TaskActor", ActorId("task-3"))
        body = json.dumps({"assignee": "bob@example.com", "title": "Review PR"}).encode()
        submitted = json.loads(await proxy.invoke_method("SubmitForProcessing", body))
        self.assertEqual(submitted["workflow_instance"], "process-task-3")
        read = json.loads(await proxy.invoke_method("GetTask"))
        self.assertEqual((read["title"], read["assignee"]), ("Review PR", "bob@example.com"))


if __name__ == "__main__":
    unittest.main()
