# A mail server (aiosmtpd) on a free port of the loopback. It prints its port, then each message as a line of JSON, and
# ends when its standard input does. Arguments: a behaviour, then key=value.
import asyncio, json, os, ssl, sys, threading

from aiosmtpd.smtp import AuthResult, SMTP

behaviour = sys.argv[1]
given = dict(word.split("=", 1) for word in sys.argv[2:])


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if behaviour == "refuse":
            return "550 5.1.1 no such user here"
        if behaviour == "busy":
            return "451 4.3.0 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if behaviour == "slow":
            await asyncio.Event().wait()
        secured = server.transport.get_extra_info("ssl_object") is not None
        told = {"to": envelope.rcpt_tos, "data": envelope.content.decode(), "tls": secured}
        print(json.dumps(told), flush=True)
        return "250 2.0.0 taken as 4711"


def check(server, session, envelope, mechanism, data):
    login = (data.login.decode(), data.password.decode())
    return AuthResult(success=login == (given["user"], given["password"]), handled=False)


def make():
    options = {}
    if context and given["tls"] == "starttls":
        options |= {"tls_context": context, "require_starttls": True}
    if "user" in given:
        options |= {"authenticator": check, "auth_required": True, "auth_require_tls": given["tls"] == "starttls"}
    return SMTP(Handler(), **options)


async def main():
    implicit = context if given.get("tls") == "tls" else None
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0, ssl=implicit)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await asyncio.Event().wait()


def until_the_test_ends():
    sys.stdin.read()
    os._exit(0)


context = None
if "tls" in given:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(given["certificate"], given["key"])
threading.Thread(target=until_the_test_ends, daemon=True).start()
asyncio.run(main())
