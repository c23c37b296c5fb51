// What this browser keeps for the player, as JSON: on this device, or for this tab only. A browser may forbid both;
// then nothing is kept, and the pages work as on a first visit.

/** @param {() => Storage} storage */
function keeper(storage) {
  return {
    /** What is kept under a name; undefined where there is nothing. @param {string} name @returns {any} */
    get(name) {
      try {
        return JSON.parse(storage().getItem(`imperio.${name}`) ?? '') ?? undefined;
      } catch {
        return undefined;
      }
    },
    /** Keeps a value; null or undefined removes it. @param {string} name @param {any} value */
    set(name, value) {
      try {
        if (value === null || value === undefined) storage().removeItem(`imperio.${name}`);
        else storage().setItem(`imperio.${name}`, JSON.stringify(value));
      } catch {
        /* forbidden, or full */
      }
    },
  };
}

export const device = keeper(() => localStorage);
export const tab = keeper(() => sessionStorage);
