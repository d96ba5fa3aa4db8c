"""The paths of all screens of the console, with the demo shop in its database."""

SCREENS = (
    "/",
    "/runs/",
    "/runs/1",
    "/runs/1/again",
    "/changes/",
    "/tables/",
    "/tables/rows?table=book",
    "/pages/",
    "/schedules/",
    "/frontier/",
    "/events/",
    "/renderers/",
    "/orders/",
    "/account/",
    "/people/",
    "/people/actions",
)
