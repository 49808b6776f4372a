"""An actor's state, reminders and timers, as the Python client asks for them.

Knows where the server is from DAPR_HTTP_PORT, as the client does.
"""

import asyncio
import json
import unittest
from datetime import datetime, timedelta, timezone

from dapr.actor import ActorId, ActorProxy
from dapr.actor.runtime._reminder_data import ActorReminderData
from dapr.actor.runtime._state_provider import StateProvider
from dapr.actor.runtime._timer_data import ActorTimerData
from dapr.actor.runtime.failure_policy import ActorReminderFailurePolicy
from dapr.actor.runtime.state_change import ActorStateChange, StateChangeKind
from dapr.clients import DaprActorHttpClient
from dapr.clients.exceptions import DaprHttpError
from dapr.clients.http.helpers import get_api_url
from dapr.serializers import DefaultJSONSerializer

KIND = "Keeper"
CLIENT = DaprActorHttpClient(DefaultJSONSerializer())


def change(key, value, kind=StateChangeKind.update, ttl=None):
    return ActorStateChange(key, value, kind, ttl)


async def call(id, method, input=None):
    body = None if input is None else json.dumps(input).encode()
    return json.loads(await ActorProxy.create(KIND, ActorId(id)).invoke_method(method, body))


async def until_rings(id, least):
    while await call(id, "Rings") < least:
        await asyncio.sleep(0.01)


def reminder(name, due, **more):
    data = ActorReminderData(name, b"", due, **more)
    return DefaultJSONSerializer().serialize(data.as_dict())


# The client names a timer's method by the function that it is called.
def Ring(by): ...


class Alarms(unittest.IsolatedAsyncioTestCase):
    async def test_state_is_saved_and_loaded(self):
        provider = StateProvider(CLIENT)
        await provider.save_state(KIND, "s", [change("a", {"b": [1]}), change("c", "text")])
        self.assertEqual(await provider.try_load_state(KIND, "s", "a"), (True, {"b": [1]}))
        self.assertEqual(await call("s", "Look", "c"), "text")
        await provider.save_state(KIND, "s", [change("a", None, StateChangeKind.remove)])
        self.assertFalse(await provider.contains_state(KIND, "s", "a"))
        self.assertEqual(await provider.try_load_state(KIND, "s", "never"), (False, None))

    async def test_a_value_that_expires_says_when(self):
        provider = StateProvider(CLIENT)
        before = datetime.now(timezone.utc)
        await provider.save_state(KIND, "s", [change("hour", 1, ttl=3600)])
        url = f"{get_api_url()}/actors/{KIND}/s/state/hour"
        _, response = await CLIENT._client.send_bytes("GET", url, None)
        expires = datetime.fromisoformat(response.headers["metadata.ttlExpireTime"])
        self.assertLess(abs(expires - before - timedelta(hours=1)), timedelta(minutes=1))

    async def test_state_of_a_type_that_no_plugin_brings_is_refused(self):
        with self.assertRaises(DaprHttpError) as raised:
            await StateProvider(CLIENT).save_state("Nobody", "s", [change("a", 1)])
        self.assertEqual(raised.exception.error_code, "ERR_ACTOR_INSTANCE_MISSING")

    async def test_a_reminder_fires_and_is_taken_back(self):
        soon = timedelta(milliseconds=2)
        policy = ActorReminderFailurePolicy.constant_policy(timedelta(seconds=1), 2)
        await CLIENT.register_reminder(
            KIND, "r", "Leave", reminder("Leave", soon, failure_policy=policy)
        )
        while (await call("r", "Life"))[2] < 1:
            await asyncio.sleep(0.01)
        hourly = reminder("Leave", timedelta(hours=1), period=timedelta(hours=1), ttl=timedelta(days=1))
        await CLIENT.register_reminder(KIND, "r", "Leave", hourly)
        self.assertEqual(await call("r", "Reminders", "Leave"), [["Leave"], 1])
        await CLIENT.unregister_reminder(KIND, "r", "Leave")
        self.assertEqual(await call("r", "Reminders", "Leave"), [[], 0])

    async def test_a_timer_fires_again_and_again_until_it_is_taken_back(self):
        timer = ActorTimerData("t", Ring, 1, timedelta(0), timedelta(milliseconds=5))
        body = DefaultJSONSerializer().serialize(timer.as_dict())
        await CLIENT.register_timer(KIND, "t", "t", body)
        await until_rings("t", 3)
        await CLIENT.unregister_timer(KIND, "t", "t")
        rings = await call("t", "Rings")
        self.assertEqual(await call("t", "Rings"), rings)

    async def test_a_period_of_no_time_is_none(self):
        timer = ActorTimerData("once", Ring, 1, timedelta(0), timedelta(0))
        body = DefaultJSONSerializer().serialize(timer.as_dict())
        await CLIENT.register_timer(KIND, "once", "once", body)
        await until_rings("once", 1)
        self.assertEqual(await call("once", "CancelTimer", "once"), False)


if __name__ == "__main__":
    unittest.main()
