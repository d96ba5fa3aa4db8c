"""The hosts that asked a run to wait, and until when. A resume and other runs wait, too."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.base import Base
from models.types import ExactString, UtcDateTime

LONGEST_HOST = 255  # characters, as in DNS with a port; a longer one is no host that answers


class CrawlHost(Base):
    """A host (with its port) that a run may not ask before ``not_before``."""

    __tablename__ = "crawl_host"

    run_id: Mapped[int] = mapped_column(ForeignKey("crawl_run.id", ondelete="CASCADE"), primary_key=True)
    host: Mapped[str] = mapped_column(ExactString(LONGEST_HOST), primary_key=True)
    not_before: Mapped[datetime] = mapped_column(UtcDateTime)


def store_wait(session: Session, run_id: int, host: str, not_before: datetime) -> None:
    """Store until when a host asked the run to wait."""
    known = (CrawlHost.run_id == run_id, CrawlHost.host == host)
    changed = session.execute(update(CrawlHost).where(*known).values(not_before=not_before))
    if changed.rowcount == 0:  # type: ignore[attr-defined]
        try:
            with session.begin_nested():
                session.add(CrawlHost(run_id=run_id, host=host, not_before=not_before))
        except IntegrityError:  # another worker was asked to wait too
            session.execute(update(CrawlHost).where(*known).values(not_before=not_before))


def waits_of_hosts(session: Session, now: datetime) -> dict[str, float]:
    """Return the seconds from ``now`` that each host still asks to wait, whichever run it asked."""
    found = session.execute(
        select(CrawlHost.host, func.max(CrawlHost.not_before))
        .where(CrawlHost.not_before > now)
        .group_by(CrawlHost.host)
    )
    return {host: (until - now).total_seconds() for host, until in found}
