"""Names of Scrapy's stats that one part of the crawl sets and another part reads."""

# A list of text: the first pages without content, each with its reason. crawler/splash/rendered_pages.py sets it,
# crawler/run/summary.py reads it.
FAILED_PAGES = "render/failed_pages"

# By next_button: the number of lists whose pages did not have the button, and the first URLs of these lists.
# crawler/splash/rendered_pages.py sets it, crawler/run/summary.py reads it.
LISTS_WITHOUT_BUTTON = "render/without_next_button"

# Text: why the crawl stopped itself. crawler/run/stopping.py sets it; crawler/run/ and crawler/commands/ read it.
STOPPED_BECAUSE = "crawl/stopped_because"

# With one of the words of models/request.py (HOW_UNCHANGED) behind it: the number of pages that did not change.
# frontier/commits.py and crawler/run/extension.py set it, crawler/metrics/ reads it.
UNCHANGED_PAGES = "pages/unchanged/"

# With one of the words of models/rendering_lesson.py (HOW_FETCHED) behind it: the number of pages of adaptive
# rendering. frontier/commits.py and crawler/run/extension.py set it.
RENDERING_PAGES = "pages/rendering/"

# The numbers of pages, done, failed or refused, that a renderer rendered and that came by plain HTTP, in this process.
# frontier/commits.py counts them, crawler/run/samples.py reads them.
RENDERED_PAGES = "pages/rendered"
PLAIN_PAGES = "pages/plain"

# The exit code of the run, an int. crawler/run/extension.py sets it; crawler/commands/ and crawler/metrics/ read it.
VERDICT = "run/verdict"

# A list of text: why the verdict is not good. crawler/run/extension.py sets it, crawler/commands/crawl.py reads it.
VERDICT_REASONS = "run/verdict_reasons"
