"""Statements that are awaited, side by side, each on a session of its own.

Prints:
    [0, 1, 4]
"""

import asyncio

from weir import aio


async def square(number):
    async with aio.connect() as db:
        return await db.sql("SELECT $1 * $1", number).item()


async def main():
    print(await asyncio.gather(*(square(i) for i in range(3))))


asyncio.run(main())
