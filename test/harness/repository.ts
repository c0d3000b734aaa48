/** The repository's folder, as a URL that ends with "/". */
export const REPOSITORY = new URL('../../', import.meta.url);
