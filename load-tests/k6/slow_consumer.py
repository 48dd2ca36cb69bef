"""A client that subscribes and then reads nothing: k6 cannot be one, it always reads.

It must never read once it has begun: its kernel buffers are small, so that the server's queue fills.
"""

import base64
import json
import os
import socket
import struct


class SlowConsumer:
    """One connection, held until `close`."""

    def __init__(self, port, token, subscription):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(("127.0.0.1", port))
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(f"GET /websocket?access_token={token} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
        reply = self.socket.recv(2048)
        if b" 101 " not in reply.split(b"\r\n", 1)[0]:
            raise RuntimeError(f"the upgrade was refused: {reply!r}")
        self._send(json.dumps({"type": "subscribe", "uid": "slow", **subscription}))

    def _send(self, text):
        payload = text.encode()
        # A client has to mask; zeroes are a mask.
        length = bytes([0x80 | len(payload)]) if len(payload) < 126 else bytes([0x80 | 126]) + struct.pack(">H", len(payload))
        self.socket.sendall(b"\x81" + length + b"\x00" * 4 + payload)

    def close(self):
        self.socket.close()
