"""Asks the server a recorded question again, about things made for the occasion."""

import re

from world import World

PLACEHOLDER = re.compile(r"\{(\w+)\}")


def ask(api, case):
    """The server's response to the case, and the JSON body that was sent."""
    world = World(api)
    body = _fill(case.body, world)
    query = _fill(case.query, world)
    path = _fill(case.path, world)
    response = api.send(case.method, path, body, query, data=case.data, headers=case.headers)
    return response, body


def _fill(value, world):
    """The value with every "{name}" in its strings replaced by that property of the world."""
    if isinstance(value, str):
        return PLACEHOLDER.sub(lambda match: getattr(world, match[1]), value)
    if isinstance(value, list):
        return [_fill(item, world) for item in value]
    if isinstance(value, dict):
        return {key: _fill(item, world) for key, item in value.items()}
    return value
