// Quantiles of Student's t distribution: how far few observations may lie from their mean.

/**
 * p above 0.5, degrees of freedom from 1 on, whole or not. Found by bisection of the distribution, which is integrated: a fit asks for a few
 * dozen of them.
 */
export function tQuantile(p: number, freedom: number): number {
  // P(T <= t) = 1/2 + integral over the angle a of cos(a)^(v - 1) / its whole, t = sqrt(v) tan(a).
  const whole = integral(Math.PI / 2, freedom)
  let [low, high] = [0, Math.PI / 2]
  for (let step = 0; step < BISECTIONS; step++) {
    const middle = (low + high) / 2
    if (0.5 + integral(middle, freedom) / (2 * whole) < p) low = middle
    else high = middle
  }
  return Math.sqrt(freedom) * Math.tan(low)
}

const BISECTIONS = 50
const INTERVALS = 200

/** Of cos(a)^(v - 1) from 0 to `to`, by Simpson's rule; v >= 2 keeps it smooth at the end, v = 1 is the constant 1. */
function integral(to: number, freedom: number): number {
  const width = to / INTERVALS
  let sum = 1 + Math.max(0, Math.cos(to)) ** (freedom - 1)
  for (let i = 1; i < INTERVALS; i++) sum += (i % 2 === 1 ? 4 : 2) * Math.cos(i * width) ** (freedom - 1)
  return (sum * width) / 3
}
