"""What the Python client makes of calls that cannot be answered, and of names that are unusual.

Knows where the server is from DAPR_HTTP_PORT, as the client does.
"""

import asyncio
import unittest

from dapr.actor import ActorId, ActorInterface, ActorProxy, actormethod
from dapr.clients.exceptions import DaprHttpError


class CounterInterface(ActorInterface):
    @actormethod(name="Add")
    async def add(self, by: int) -> int: ...

    @actormethod(name="AddThenFail")
    async def add_then_fail(self, by: int) -> int: ...

    @actormethod(name="Get")
    async def get(self) -> int: ...

    @actormethod(name="Missing")
    async def missing(self) -> None: ...


def counter(id, actor_type="Counter"):
    return ActorProxy.create(actor_type, ActorId(id), CounterInterface)


class Actors(unittest.IsolatedAsyncioTestCase):
    async def error_of(self, call):
        with self.assertRaises(DaprHttpError) as raised:
            await call
        return raised.exception

    async def test_calls_at_the_same_time_are_turns_one_after_the_other(self):
        counts = await asyncio.gather(*(counter("many").Add(1) for _ in range(20)))
        self.assertEqual(sorted(counts), list(range(1, 21)))

    async def test_a_type_that_no_plugin_brings_has_no_address(self):
        error = await self.error_of(counter("a", "Nobody").Get())
        self.assertEqual((error.status_code, error.error_code), (404, "ERR_ACTOR_NO_ADDRESS"))
        self.assertIn("Nobody", error.message)

    async def test_a_method_that_is_missing_is_named(self):
        error = await self.error_of(counter("a").Missing())
        self.assertEqual((error.status_code, error.error_code), (500, "ERR_ACTOR_INVOKE_METHOD"))
        self.assertIn("error from actor service: (404)", error.message)
        self.assertIn("Missing", error.message)

    async def test_a_method_that_fails_changes_nothing_and_says_why(self):
        self.assertEqual(await counter("fails").Add(2), 2)
        error = await self.error_of(counter("fails").AddThenFail(1))
        self.assertEqual((error.status_code, error.error_code), (500, "ERR_ACTOR_INVOKE_METHOD"))
        self.assertIn("error from actor service: (500)", error.message)
        self.assertEqual(await counter("fails").Get(), 2)

    async def test_an_input_of_another_type_is_refused(self):
        error = await self.error_of(counter("a").Add("much"))
        self.assertEqual(error.error_code, "ERR_ACTOR_INVOKE_METHOD")
        self.assertIn("expected", error.message)

    async def test_ids_have_colons_bars_and_letters_of_all_scripts(self):
        for id in ("a:b", "a|b", "a@b", "Aufgabe-Größe", "task 1"):
            with self.subTest(id=id):
                self.assertEqual(await counter(id).Add(1), 1)


if __name__ == "__main__":
    unittest.main()
