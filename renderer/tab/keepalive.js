// Requests that outlive their page would set cookies in the next render's; these end with it, as they did in Splash.
(() => {
  const { fetch, Request } = self, beacon = self.Navigator?.prototype.sendBeacon;
  const mortal = (input, init) => {
    if (init?.keepalive) init = { ...init, keepalive: false };
    return [input instanceof Request && input.keepalive ? new Request(input, { keepalive: false }) : input, init];
  };
  // A Proxy of a function of the browser's still says that it is one.
  if (fetch) self.fetch = new Proxy(fetch, {
    apply: (target, self, given) => Reflect.apply(target, self, given.length ? mortal(...given) : given),
  });
  if (beacon) Navigator.prototype.sendBeacon = new Proxy(beacon, {
    apply: (target, navigator, given) => {
      const [url, data] = given;
      // What it would refuse, it refuses.
      if (!given.length || !/^https?:$/.test(new URL(url, document.baseURI).protocol))
        return Reflect.apply(target, navigator, given);
      const body = data ?? null;
      fetch.call(self, url, { method: 'POST', body, mode: 'no-cors', credentials: 'include' }).catch(() => {});
      return true;
    },
  });
})();
