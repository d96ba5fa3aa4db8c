"""``scrapy events``: the state of the sinks, the last events, refused events, snapshots of tables, and schemas."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from importlib.metadata import version

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from crawler.database_command import CommandFailed, DatabaseCommand
from crawler.security.plain_text import json_line, one_line
from models import Row
from models.command_name import command
from models.event_schema import async_api, event_schema
from models.event_snapshot import store_snapshot
from models.relay import SinkState, newest_events, refusals, retry_refused, sink_states
from models.run_stats import row_models, stored_models

LAST = 10  # events


class Command(DatabaseCommand):
    name = "events"
    max_arguments = 2

    def syntax(self) -> str:
        return "[options] | schema TABLE | asyncapi"

    def short_desc(self) -> str:
        return "Show the events of the outbox and the state of the sinks; send refused events again; send whole tables"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--json", action="store_true", help="print JSON objects, one on each line")
        parser.add_argument(
            "--limit", type=int, default=LAST, help=f"at most so many events (by default {LAST})"
        )
        parser.add_argument(
            "--refused", action="store_true", help="list the events that a sink refused, and why"
        )
        parser.add_argument(
            "--retry",
            action="store_true",
            help="send the refused events again, and begin again with sinks that have ended (--sink: only one)",
        )
        parser.add_argument(
            "--snapshot",
            metavar="TABLE",
            help="send the rows of a table as they are now, to all sinks or to --sink",
        )
        parser.add_argument("--sink", metavar="NAME", help="the name of a sink, as this command prints it")

    def execute(self, args: list[str], opts: argparse.Namespace) -> None:
        with self.database() as engine:
            if args:
                self._print_schema(engine, args)
            elif opts.snapshot is not None:
                self._snapshot(engine, opts.snapshot, opts.sink)
            elif opts.retry:
                self._retry(engine, opts.sink)
            elif opts.refused:
                self._print_refused(engine, opts)
            else:
                self._print_state(engine, opts)

    def _print_schema(self, engine: Engine, args: list[str]) -> None:
        if args == ["asyncapi"]:
            with Session(engine) as session:
                document = async_api(stored_models(session), version("splashdown"))
        elif args[0] == "schema" and len(args) == 2:
            document = event_schema(model_of_table(args[1]))
        else:
            raise CommandFailed(
                f"write `schema TABLE` or `asyncapi`, not {' '.join(args)}; {self._help_hint()}"
            )
        print(json.dumps(document, indent=2, ensure_ascii=False))

    def _snapshot(self, engine: Engine, table: str, sink: str | None) -> None:
        model = model_of_table(table)
        with Session(engine) as session:
            if model not in stored_models(session):
                raise CommandFailed(
                    f"the database lacks the table {model.__tablename__}: run `{command('migrate --new')}`"
                )
            state = self._check_sink(session, sink)
        stored = 0
        for stored in store_snapshot(engine, model, sink):
            if sys.stderr.isatty():
                print(f"\r{stored} rows", end="", file=sys.stderr)
        if sys.stderr.isatty():
            print("\r", end="", file=sys.stderr)
        unused = ", which the last relay did not have in BROKER_URL" if state and not state.in_use else ""
        print(f"{stored} rows of {model.__tablename__} are in the outbox, for {sink or 'all sinks'}{unused}")

    def _retry(self, engine: Engine, sink: str | None) -> None:
        with Session(engine) as session, session.begin():
            self._check_sink(session, sink)
            events, sinks = retry_refused(session, sink)
        begun = f"; {sinks} sinks that had ended begin again with the next relay" if sinks else ""
        print(f"{events} refused events will be sent again by the relay{begun}")

    @staticmethod
    def _check_sink(session: Session, sink: str | None) -> SinkState | None:
        """Return the state of the sink of --sink, if there is one."""
        if sink is None:
            return None
        states = {state.name: state for state in sink_states(session)}
        if sink not in states:
            raise CommandFailed(f"no relay ever had a sink {sink!r}; there are {', '.join(states) or 'none'}")
        return states[sink]

    @staticmethod
    def _print_refused(engine: Engine, opts: argparse.Namespace) -> None:
        with Session(engine) as session:
            found = refusals(session, opts.limit)
        for one in found:
            if opts.json:
                print(json_line({**one._asdict(), "at": one.at.isoformat()}))
            else:
                again = " (will be sent again)" if one.retry else ""
                text = f"{one.at:%F %T}  {one.sink}  {one.table_name} {one.row_key} {one.kind}, {one.size} characters"
                print(one_line(f"{text}: {one.reason}{again}", 1000))
        if not found and not opts.json:
            print("no sink has refused an event")

    @staticmethod
    def _print_state(engine: Engine, opts: argparse.Namespace) -> None:
        with Session(engine) as session:
            states = sink_states(session)
            events = newest_events(session, opts.limit)
        now = datetime.now(UTC)
        for state in states:
            if opts.json:
                oldest = state.oldest.isoformat() if state.oldest else None
                sent_at = state.sent_at.isoformat() if state.sent_at else None
                times = {"oldest": oldest, "sent_at": sent_at, "used_at": state.used_at.isoformat()}
                print(json_line({"sink": vars(state) | times}))
                continue
            waits = f", the oldest for {(now - state.oldest).total_seconds():.0f} s" if state.oldest else ""
            error = f"; {state.error}" if state.error else ""
            last = f"not in BROKER_URL of the last relay, but in that of {state.used_at:%F %T} UTC"
            where = state.state if state.in_use else last
            print(
                one_line(
                    f"{state.name}: {where}, sent {state.sent}, unsent {state.unsent}{waits}, "
                    f"refused {state.refused}{error}",
                    1000,
                )
            )
        if not states and not opts.json:
            print(f"no relay has run yet: set BROKER_URL and start `{command('relay')}`")
        for event in events:
            if opts.json:
                print(event.envelope)
            else:
                print(one_line(f"{event.at:%F %T}  {event.table_name} {event.row_key} {event.kind}", 300))


def model_of_table(name: str) -> type[Row]:
    """Return the model of a table. ``name`` is the name of the table or of the model, in any case.

    Raises:
        CommandFailed: there is no such model.
    """
    models = row_models()
    for model in models:
        if name.lower() in (model.__tablename__.lower(), model.__name__.lower()):
            return model
    raise CommandFailed(
        f"there is no table {name!r}; there are {', '.join(model.__tablename__ for model in models)}"
    )
