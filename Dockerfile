# Two images: crawler, which has no browser in it, is the crawler on its schedule, the demo site and the migration;
# chromium is our own renderer. docker-compose.yml builds the one or both.
FROM python:3.11-slim-bookworm AS crawler
# tini passes signals on to the one process that it starts, and collects the dead.
RUN apt-get update && apt-get install -y --no-install-recommends tini && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY crawler/splash/splashdown_scrapy_splash.pth crawler/splash/
# The dependencies first: they change less often than the code. An empty package of each room is enough for that.
RUN for room in crawler spiders frontier pipelines models migrations renderer demo; do mkdir -p $room && touch $room/__init__.py; done \
 && pip install --no-cache-dir -c constraints.txt -e .
COPY . .
RUN useradd --create-home crawler && mkdir -p data && chown crawler data
USER crawler
ENV PYTHONUNBUFFERED=1
ENTRYPOINT ["tini", "--"]
CMD ["scrapy", "schedule", "--run"]

FROM crawler AS chromium
USER root
RUN apt-get update && apt-get install -y --no-install-recommends chromium-headless-shell fonts-dejavu-core \
 && rm -rf /var/lib/apt/lists/*
USER crawler
# Whoever can reach it has to know the token: renderer/README.md.
CMD ["sh", "-c", ": ${RENDERER_TOKEN:?set it in .env to letters and digits of your own}; exec python -m renderer --host 0.0.0.0"]
