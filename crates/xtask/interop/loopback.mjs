// Loaded before a server of others (`node --import`): it listens on loopback at a port that is free, whatever
// it was written for, and says where.
import net from "node:net";

const listen = net.Server.prototype.listen;

net.Server.prototype.listen = function (_where, ...others) {
  const ready = others.findLast((argument) => typeof argument === "function");
  this.once("listening", () => console.log(`ready http://127.0.0.1:${this.address().port}`));
  return listen.call(this, { host: "127.0.0.1", port: 0 }, ready);
};
