// How well a score tells labelled rows from the others, whatever the setpoint: AUC-ROC, AUC-PR and best F1, row by row,
// without point adjustment (Kim et al., "Towards a rigorous evaluation of time-series anomaly detection", AAAI 2022).

export interface CurveMetrics {
  /** NaN when one of the classes is empty. */
  aucRoc: number
  /** Average precision: the step-wise area, as scikit-learn's average_precision_score. */
  aucPr: number
  bestF1: number
  /** The score at and above which bestF1 is reached. */
  bestF1Threshold: number
}

/** `labels` [n] 0/1, `scores` [n] finite. Equal scores are one threshold. */
export function curveMetrics(labels: Uint8Array, scores: Float64Array): CurveMetrics {
  const order = descending(scores)
  const positives = labels.reduce((sum, label) => sum + label, 0)
  const negatives = labels.length - positives
  let [truePositives, falsePositives, area, precisionArea, bestF1] = [0, 0, 0, 0, 0]
  let bestF1Threshold = Number.POSITIVE_INFINITY
  for (let at = 0; at < order.length; ) {
    const threshold = scores[order[at]!]!
    const [tpBefore, fpBefore] = [truePositives, falsePositives]
    for (; at < order.length && scores[order[at]!] === threshold; at++) {
      if (labels[order[at]!]) truePositives++
      else falsePositives++
    }
    area += ((falsePositives - fpBefore) * (truePositives + tpBefore)) / 2
    precisionArea += ((truePositives - tpBefore) * truePositives) / (truePositives + falsePositives)
    const f1 = (2 * truePositives) / (truePositives + falsePositives + positives)
    if (f1 > bestF1) {
      bestF1 = f1
      bestF1Threshold = threshold
    }
  }
  return {
    aucRoc: area / (positives * negatives),
    aucPr: precisionArea / positives,
    bestF1: positives > 0 ? bestF1 : Number.NaN,
    bestF1Threshold,
  }
}

/** Indices of `scores`, highest score first. */
export function descending(scores: Float64Array): Int32Array {
  return Int32Array.from(scores, (_, i) => i).sort((a, b) => scores[b]! - scores[a]!)
}
