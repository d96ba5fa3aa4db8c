"""The words in the shop's books, reviews, quotes and orders."""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


CATEGORIES = (
    "Adventure", "Biography", "Children", "Cookery", "Crime", "Fantasy",
    "Gardening", "History", "Poetry", "Science", "Seafaring", "Travel",
)  # fmt: skip

ADJECTIVES = _words(
    "Amber Borrowed Brass Careful Crooked Distant Drowned Early Electric Empty Faithful Forgotten Frozen Gentle "
    "Glass Golden Half-Lit Hidden Honest Hungry Invisible Last Lighter Little Lonely Long Lost Marbled Midnight "
    "Northern Other Painted Paper Patient Quiet Restless Salted Second Secret Seventh Silent Slow Spare Stolen "
    "Stubborn Sunken Tidal Uncommon Unfinished Velvet Wandering Winter Wooden Younger"
)
NOUNS = _words(
    "Almanac Anchor Archive Atlas Beekeeper Bell Bicycle Bridge Cartographer Ceiling Clockmaker Compass Confession "
    "Cupboard Diver Engine Estuary Ferry Fountain Garden Glacier Guest Harbour Heron House Inventor Island Kitchen "
    "Ladder Lantern Letter Library Lighthouse Locksmith Meadow Mirror Museum Nephew Observatory Orchard Parcel "
    "Piano Postcard Quarry Railway Recipe River Satellite Shoreline Signal Staircase Storm Swimmer Telescope "
    "Translator Umbrella Valley Voyage Wardrobe Weathervane Window"
)
PLURALS = _words(
    "Apples Bells Bridges Buttons Clouds Comets Doors Echoes Envelopes Ferries Fossils Gloves Harbours Kites "
    "Ladders Maps Mistakes Mushrooms Numbers Owls Pencils Puddles Rivers Shadows Spoons Tides Trains Whales"
)
PLACES = _words(
    "Aalborg Bergen Cádiz Dunmore Évora Fastnet Galway Härnösand Iquique Jūrmala Kraków Lübeck Malmö Nîmes "
    "Ørland Porto Québec Rønne Szeged Tromsø Uppsala Valparaíso Würzburg York Zürich"
)
FIRST_NAMES = _words(
    "Agnes Amélie Anders Beatriz Björn Chiyo Clara Dmitri Edith Elif Esteban Farah Finn Greta Hana Ifeoma Ingrid "
    "Jonas José Kaveh Kwame Lena Lucía Magnus Marta Mei Nadia Noor Olga Oskar Pilar Priya Quentin Rosa Ruben "
    "Siân Søren Tamsin Tomás Ursula Viktor Wanjiru Xenia Yusuf Zoë"
)
LAST_NAMES = _words(
    "Abara Ahlström Bellweather Berg Castellanos Chaudhry Dahl Dvořák Eriksen Fairweather Fontaine Grünwald Haddad "
    "Hartley Ibarra Ito Jørgensen Kessler Kowalczyk Lindqvist Lowe Marchetti Mbeki Nakamura Novak O'Hanlon Okafor "
    "Ortega Pemberton Petrov Quigley Raman Rossi Sandoval Sørensen Tanaka Thackeray Ueda Vance Varga Whitlock "
    "Yilmaz Zielinski"
)

TITLE_PATTERNS = (
    "The {adjective} {noun}",
    "The {noun} of {place}",
    "{adjective} {plurals}",
    "The {noun} and the {other}",
    "A Short History of {plurals} in {place}",
    "The {adjective} {noun} of {place}",
    "{plurals}, {others} and Other {adjective} Things",
    "How to Mend the {adjective} {noun}",
    "Letters from {place} about {plurals}",
    "{place}, with {plurals} and {others}",
    "What the {adjective} {noun} Saw",
    "My {adjective} {noun}: A Memoir",
)

# Titles for tests of encodings and escaping, by the number of their book.
AWKWARD_TITLES = {
    3: 'Salt & "Thunder": <b>Not Bold</b> at All',
    5: "漢字の海を渡る",
    8: "Smørrebrød på Ærø",
    13: "The Whale 🐋 Who Read 📚",
    17: "<script>document.title = 'owned'</script>",
    21: "L'Été d'une Étoile – “Mémoires”",
    34: "Tom & Jerry's &amp; Other Ampersands",
    42: "'; DROP TABLE books; --",
    47: "{{ 7 * 7 }} Ways to ${count} Sheep",
    55: ("A Title of Exactly Two Hundred Characters, " * 5)[:199] + "!",
}

DESCRIPTIONS = (
    "In {place}, the {noun} changes hands and nobody will say why.",
    "{name} has kept one promise for thirty years; this is the story of breaking it.",
    "Everything anyone needs to know about {plurals}, told with patience and far too many footnotes.",
    "A family, one {adjective} {noun} and the winter that would not end.",
    "Half travelogue, half detective story, it begins with {plurals} and ends at sea.",
    "With twelve maps and a recipe for soup.",
    "First printed privately in {place}, now with a foreword by {name}.",
    "It is funnier than it has any right to be.",
    "What {name} found behind the {noun} is still being argued about – “fairly”, as the author insists.",
    "For readers who like their {plurals} <i>unexplained</i> & their endings open.",
)

OPINIONS: dict[int, tuple[str, ...]] = {
    1: (
        "I gave up at the second {noun}.",
        "Arrived wet. The book is no better dry.",
        "My copy had no ending; nor, I hear, has yours.",
    ),
    2: (
        "Too many {plurals} & too little plot.",
        "The cover promised one {noun}. There is none.",
        "It might have made a good letter.",
    ),
    3: (
        "Fine on a train, forgotten on the platform.",
        "Good {noun}, average book.",
        "Three stars, one of them for the typeface.",
    ),
    4: (
        "I missed my stop in {place} because of it.",
        "Slow to start, then all at once <wonderful>.",
        "The part about {plurals} alone is worth the price.",
    ),
    5: (
        "I bought it twice, once for the {noun}.",
        "Read it aloud. Read it again. ❤️",
        "Nobody has ever written better about {plurals}.",
    ),
}

QUOTE_PATTERNS = (
    "The {noun} is only the {other} after a long wait.",
    "Nobody ever regretted counting the {plurals} twice.",
    "If you must leave {place}, leave it on foot.",
    "There are two kinds of {plurals}: the ones you keep, and the ones that keep you.",
    "Show me your {noun} and I will tell you who mended it.",
    "I have never met one {adjective} {noun} that I did not trust – at first.",
    "Between the {noun} & the {other} there is always time for tea.",
    "“Enough” is the most {adjective} word I know.",
    "Patience is what {plurals} are made of.",
    "The sea does not read <maps>; it eats {plurals}.",
)
TAGS = (
    "courage", "friendship", "home", "humour", "love", "memory", "patience", "reading", "sea", "time", "weather",
    "work",
)  # fmt: skip

CUSTOMERS = ("Dana Ødegård", "Ødegård & Daughters", "Milo Ødegård")
NOTES = (
    "Please leave it with the neighbour at no. 7.",
    "Gift wrap: yes <red paper>, no ribbon.",
    "Ring twice; the dog is called “Comma”.",
    "Invoice to the bookshop & copy to me.",
    "One of the two may come later.",
    "Für Großmutter – bitte vor Sonntag!",
)
