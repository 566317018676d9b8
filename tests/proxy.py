"""proxy.py CONTROL LISTEN:TARGET... -- ports of the loopback in between, to be disturbed.

The file CONTROL says how, and is looked at all the time:
  pass     as if it were not there
  hold     connections stay, nothing goes through, in either direction
  slow N   N bytes a second, in each direction of a connection
  reset    every connection is reset, once; new ones pass
  refuse   every connection is reset, new ones too
"""

import asyncio
import socket
import struct
import sys

mode = ["pass"]
writers = set()


def cut(writer):
    sock = writer.get_extra_info("socket")
    if sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def watch(path):
    while True:
        try:
            words = open(path).read().split() or ["pass"]
        except FileNotFoundError:
            words = ["pass"]
        if words != mode:
            mode[:] = words
            if words[0] in ("reset", "refuse"):
                for writer in list(writers):
                    cut(writer)
        await asyncio.sleep(0.02)


async def pump(reader, writer):
    try:
        while data := await reader.read(16384):
            while mode[0] == "hold":
                await asyncio.sleep(0.02)
            if mode[0] == "slow":
                await asyncio.sleep(len(data) / int(mode[1]))
            writer.write(data)
            await writer.drain()
    except OSError:
        pass


async def serve(reader, writer, target):
    if mode[0] == "refuse":
        cut(writer)
        return
    try:
        there, onward = await asyncio.open_connection("127.0.0.1", target)
    except OSError:
        cut(writer)
        return
    both = {writer, onward}
    writers.update(both)
    ways = [asyncio.create_task(pump(reader, onward)), asyncio.create_task(pump(there, writer))]
    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    # what one side ended ends for the other, as late as the rest may pass
    while mode[0] == "hold":
        await asyncio.sleep(0.02)
    writers.difference_update(both)
    for one in both:
        one.close()
    for way in ways:
        way.cancel()


async def main(control, pairs):
    for pair in pairs:
        listen, target = map(int, pair.split(":"))
        await asyncio.start_server(lambda r, w, t=target: serve(r, w, t), "127.0.0.1", listen)
    print("ready", flush=True)
    await watch(control)


asyncio.run(main(sys.argv[1], sys.argv[2:]))
