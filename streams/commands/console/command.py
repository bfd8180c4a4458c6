"""`robocall console`: pages for people, in a process of its own beside the stream."""

import click

from streams.commands.console.users import user


@click.group(invoke_without_command=True)
@click.pass_context
def console(context: click.Context) -> None:
    """Serve pages for people: what goes on now, numbers, calls and campaigns, what waits, and what is done about it.

    \b
      robocall console user add ada --role admin   the first user; asks for a password
      robocall console                             http://127.0.0.1:8090

    It reads Kafka, Redis and, where ROBOCALL_ARCHIVE_URL is set, the archive. It decides no call. What people do there
    is what the commands do, and becomes a case with who, when and why.

    \b
      ROBOCALL_CONSOLE_HOST          address [default: 127.0.0.1]
      ROBOCALL_CONSOLE_PORT          port [default: 8090]
      ROBOCALL_CONSOLE_USERS_FILE    who may sign in [default: console-users.json]
      ROBOCALL_CONSOLE_QUESTIONS_FILE  table of `robocall ask --table` [default: none]
      ROBOCALL_CONSOLE_TLS_CERTFILE  certificate of HTTPS, with ..._KEYFILE [default: none]
      ROBOCALL_CONSOLE_OIDC_ISSUER   sign-in by OpenID Connect, with ..._OIDC_... [default: local users]

    Numbers are masked; roles that may see them whole say why, which is recorded. docs/console.md says more.
    """
    if context.invoked_subcommand is not None:
        return
    from streams.commands.console.serving import serve  # noqa: PLC0415 - users come and go without all of it

    serve()


console.add_command(user)
