// Ends "keepalive" requests and beacons with their page, as Splash does: their cookies would otherwise reach the next
// render.
(() => {
  const { fetch, Request } = self, beacon = self.Navigator?.prototype.sendBeacon;
  const mortal = (input, init) => {
    if (init?.keepalive) init = { ...init, keepalive: false };
    return [input instanceof Request && input.keepalive ? new Request(input, { keepalive: false }) : input, init];
  };
  // A Proxy of a native function still looks like a native function.
  if (fetch) self.fetch = new Proxy(fetch, {
    apply: (target, self, given) => Reflect.apply(target, self, given.length ? mortal(...given) : given),
  });
  if (beacon) Navigator.prototype.sendBeacon = new Proxy(beacon, {
    apply: (target, navigator, given) => {
      const [url, data] = given;
      // The native function raises the errors for URLs that it refuses.
      if (!given.length || !/^https?:$/.test(new URL(url, document.baseURI).protocol))
        return Reflect.apply(target, navigator, given);
      const body = data ?? null;
      fetch.call(self, url, { method: 'POST', body, mode: 'no-cors', credentials: 'include' }).catch(() => {});
      return true;
    },
  });
})();
