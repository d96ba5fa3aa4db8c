# The crawler, the demo site and the migration: one image, no browser in it (docker-compose.yml renders with Splash).
FROM python:3.11-slim-bookworm
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
CMD ["scrapy", "list"]
