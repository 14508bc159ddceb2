"""Run with the real LiteLLM: ``python -m tests.litellm_calls URL KEY``. Calls it as a program does.

The callback posts to URL under KEY. Each batch is sent when all of its calls are made. The answers' ids are
printed as one JSON document; models are mocked, so nobody is asked.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import litellm
from litellm.caching.caching import Cache
from litellm.integrations.generic_api.generic_api_callback import GenericAPILogger
from litellm.litellm_core_utils.logging_worker import GLOBAL_LOGGING_WORKER

SAID = "the-conversation-itself"
MANY = 512


async def call(**options: Any) -> str:
    """One call; the id of its answer."""
    asked = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": SAID}], "mock_response": SAID}
    answer = await litellm.acompletion(**{**asked, **options})
    if options.get("stream"):
        parts = [part async for part in answer]
        return str(parts[0].id)
    return str(answer.id)


async def told(logger: GenericAPILogger) -> None:
    """Until what was called is in the batch, and the batch is sent."""
    await asyncio.sleep(0.2)
    await GLOBAL_LOGGING_WORKER.flush()
    await asyncio.sleep(0.2)
    await logger.flush_queue()


async def main(url: str, key: str) -> dict[str, Any]:
    def through(query: str = "", **options: Any) -> GenericAPILogger:
        headers = {"Authorization": f"Bearer {key}"}
        logger = GenericAPILogger(endpoint=url + query, headers=headers, flush_interval=600, **options)
        litellm.callbacks = [logger]
        for kind in ("success", "failure"):
            # where LiteLLM has put the one before
            setattr(litellm, f"_async_{kind}_callback", [])
            setattr(litellm, f"{kind}_callback", [])
        return logger

    done: dict[str, Any] = {}
    logger = through()
    done["plain"] = await call()
    done["streamed"] = await call(stream=True)
    done["tagged"] = await call(metadata={"tags": ["nightly", "service:12"]})
    done["named"] = await call(metadata={"spend_logs_metadata": {"tokligence_service_id": 13}})
    done["rubbish"] = await call(metadata={"tags": ["service:checkout"]})
    try:
        await call(mock_response=RuntimeError(SAID))
    except litellm.InternalServerError:
        done["failed"] = True
    litellm.cache = Cache(type="local")
    for name in ("bought", "cached"):
        done[name] = await call(messages=[{"role": "user", "content": "again"}], caching=True)
        await asyncio.sleep(0.2)
    litellm.cache = None
    await told(logger)
    for form in ("ndjson", "single"):
        logger = through(log_format=form)
        done[form] = [await call(), await call()]
        await told(logger)
    # the relay loses the first answer to this, so LiteLLM sends it again
    logger = through("?lost", max_retries=2, retry_delay=0.1)
    done["lost"] = await call()
    await told(logger)
    litellm.turn_off_message_logging = True
    logger = through()
    done["silent"] = await call()
    await told(logger)
    litellm.turn_off_message_logging = False
    logger = through()
    done["many"] = [await call() for _number in range(MANY)]
    await told(logger)
    return done


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(*sys.argv[1:]))))
